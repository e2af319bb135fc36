"""Image generation on Amazon Bedrock as dependable Apache Airflow tasks."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_INTEGRATION = "Amazon Titan Image Generator"
_LOGO = "https://raw.githubusercontent.com/airflow-titan/airflow-titan/main/docs/images/logo.png"


def get_provider_info() -> dict[str, Any]:
    """
    Return what Airflow is to know of this provider: its name, its operators and hooks, its configuration section.

    Airflow asks while it starts, so the packages are listed and not imported.
    """
    from airflow_titan.config import provider_config
    from airflow_titan.decorators import DECORATORS

    return {
        "package-name": "airflow-titan",
        "name": _INTEGRATION,
        "description": "Image generation on Amazon Bedrock as dependable tasks: each image a key in S3.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": (
                    "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html"
                ),
                "logo": _LOGO,
                "tags": ["aws"],
            }
        ],
        "operators": [{"integration-name": _INTEGRATION, "python-modules": _operators()}],
        "task-decorators": [{"name": name, "class-name": f"{__name__}.decorators.{name}"} for name in DECORATORS],
        "hooks": [{"integration-name": _INTEGRATION, "python-modules": [f"{__name__}.hooks.bedrock"]}],
        "connection-types": [
            {
                "hook-class-name": f"{__name__}.hooks.bedrock.TitanBedrockHook",
                "hook-name": "Amazon Bedrock images",
                "connection-type": "titan",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "schema", "port"],
                    "relabeling": {"login": "AWS Access Key ID", "password": "AWS Secret Access Key"},
                    "placeholders": {"extra": '{"region_name": "us-west-2", "role_arn": "arn:aws:iam::..:role/.."}'},
                },
            }
        ],
        "config": provider_config(),
    }


def _operators() -> list[str]:
    """Return the modules of operators, but for those that their classes are based on."""
    from pkgutil import iter_modules

    names = [module.name for module in iter_modules([f"{folder}/operators" for folder in __path__])]
    return [f"{__name__}.operators.{name}" for name in names if not name.startswith("base")]
