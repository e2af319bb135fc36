"""
A catalogue over two regions.

Each call goes to the region that can take it soonest. A region that refuses, or can't be reached, costs no picture: its
calls go to the other. ``requests_per_minute`` holds for each region, as AWS counts a quota in each.

``pool_slots=max_concurrency`` lets Airflow itself bound how many calls all tasks of a pool have under way. A pool of
your own is made by ``airflow pools set bedrock 32 "calls under way"``; here it is the one that every Airflow has.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanBulkOperator

REGIONS = ["us-east-1", "us-west-2"]
CALLS = 4
COLOURS = ["red", "orange", "yellow", "green", "blue", "violet"]

with DAG("example_titan_regions", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    TitanBulkOperator(
        task_id="pictures",
        requests=[
            *({"id": color, "text": f"A {color} kite over the sea"} for color in COLOURS),
            # what must not leave one region says so itself
            {"id": "home", "text": "A kite over a garden", "region_name": "us-east-1"},
        ],
        defaults={"task": "text_to_image", "width": 512, "height": 512},
        regions=REGIONS,
        requests_per_minute=600,
        max_concurrency=CALLS,
        pool="default_pool",
        pool_slots=CALLS,
    )
