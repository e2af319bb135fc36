"""Image generation on Amazon Bedrock as dependable Apache Airflow tasks."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Tell Airflow what this provider brings: its name, its operators and its configuration section."""
    return {
        "package-name": "airflow-titan",
        "name": "Amazon Titan Image Generator",
        "description": "Image generation on Amazon Bedrock as dependable tasks: each image a key in S3.",
        "integrations": [
            {
                "integration-name": "Amazon Titan Image Generator",
                "external-doc-url": (
                    "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-image.html"
                ),
                "tags": ["aws"],
            }
        ],
        "operators": [
            {
                "integration-name": "Amazon Titan Image Generator",
                "python-modules": [
                    "airflow_titan.operators.text_to_image",
                    "airflow_titan.operators.inpainting",
                    "airflow_titan.operators.outpainting",
                    "airflow_titan.operators.image_variation",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "Amazon Titan Image Generator",
                "python-modules": ["airflow_titan.hooks.bedrock"],
            }
        ],
        "config": {
            "titan": {
                "description": "What tasks of this provider use when they name nothing themselves.",
                "options": {
                    "model_id": {
                        "description": "Bedrock model id or ARN of tasks that name no model.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "amazon.titan-image-generator-v2:0",
                    },
                    "output_root": {
                        "description": (
                            "Where results of tasks without output_prefix lie, by DAG, run and task below it."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://my-bucket/titan",
                        "default": None,
                    },
                    "patience_seconds": {
                        "description": (
                            "How long a task waits in all for a service that is throttled (429), unavailable (503) "
                            "or refuses connections, before it leaves the rest to Airflow's retries."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "120",
                    },
                    "unsafe_store": {
                        "description": (
                            "Whether to work with a store that ignores conditional writes. Nothing can keep two "
                            "workers from paying for the same picture then."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                    },
                },
            }
        },
    }
