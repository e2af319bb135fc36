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
                    "airflow_titan.operators.color_guided",
                    "airflow_titan.operators.background_removal",
                    "airflow_titan.operators.prepare_image",
                    "airflow_titan.operators.mask",
                    "airflow_titan.operators.extend_canvas",
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
                    "reroute": {
                        "description": (
                            "A JSON object from model id to model id: tasks that ask for the first are sent to the "
                            "second. For models that have reached the end of their life."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"amazon.titan-image-generator-v2:0": "stability.sd3-5-large-v1:0"}',
                        "default": None,
                    },
                    "max_price_usd_per_task": {
                        "description": (
                            "The estimated price in US dollars above which a task fails before it calls the model, "
                            "unless it sets max_price_usd itself. None if not set."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "0.25",
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
