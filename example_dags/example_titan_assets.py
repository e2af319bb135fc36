"""
One DAG makes pictures, another is run by them.

The first says in `outlets` what it makes: an asset that stands for the whole catalogue, and an alias. Each run leaves
an event with the pictures' URIs, the model, the seed and the price in its extra; the alias is resolved to the place
that the pictures of all runs lie below. The second DAG is scheduled on the asset, and reads from the events that ran it
which pictures there are.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias, task

from airflow_titan.operators import TitanImageVariationOperator, TitanTextToImageOperator

catalogue = Asset("s3://titan-images/catalogue")

with DAG("example_titan_assets", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    TitanTextToImageOperator(
        task_id="lamp",
        text="A brass desk lamp on a white table",
        width=512,
        height=512,
        number_of_images=2,
        outlets=[catalogue, AssetAlias("titan-lamps")],
    )

with DAG(
    "example_titan_assets_varied",
    schedule=[catalogue],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["titan"],
):

    @task
    def new_pictures(**context: Any) -> list[str]:
        """Give the URIs of the pictures in the events that ran this DAG."""
        # Airflow 2 calls assets datasets
        events = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        return [uri for asset in events for event in events[asset] for uri in event.extra["uris"]]

    TitanImageVariationOperator.partial(
        task_id="varied", text="by candlelight", width=512, height=512, similarity_strength=0.8
    ).expand(images=new_pictures())
