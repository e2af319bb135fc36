"""
A catalogue over several workers.

Each mapped task instance takes every third request of the same list, on whatever machine it runs; when it is done, it
goes on with what the others haven't begun. They share one rate, with all tasks that name the same group: what one
doesn't need the others use. A last task joins their result files into one, in the order of the requests.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanBulkOperator, TitanMergeResultsOperator

SHARDS = 3
COLOURS = ["red", "orange", "yellow", "green", "blue", "violet", "white"]

with DAG("example_titan_catalogue_shards", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    pictures = TitanBulkOperator.partial(
        task_id="pictures",
        # the URI of a JSON Lines file serves as well, and holds any number
        requests=[{"id": color, "text": f"A {color} balloon over a lake"} for color in COLOURS],
        defaults={"task": "text_to_image", "width": 512, "height": 512},
        shards=SHARDS,
        work_stealing=True,
        requests_per_minute=600,
        rate_group="catalogue",
    ).expand(shard=list(range(SHARDS)))
    TitanMergeResultsOperator(task_id="merged", results=pictures.output)
