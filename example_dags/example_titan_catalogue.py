"""
A catalogue of prompts, one picture each, in one task.

The requests lie in a JSON Lines file, one a line; what they share stands in `defaults`. The bulk task keeps eight calls
under way, stops before it costs more than two cents a picture, and forgives one request in twenty. How many pictures is
asked when the DAG is triggered: beyond six, the catalogue begins again in another color. Its result file names every
request, and what failed becomes a new requests file: put it right, and run it again.
"""

import json

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_titan.operators import TitanBulkOperator, TitanFailedRequestsOperator

PRODUCTS = {
    "kettle": "A copper kettle on a white table",
    "lamp": "A brass desk lamp on a white table",
    "mug": "A blue enamel mug on a white table",
    "clock": "A wooden mantel clock on a white table",
    "vase": "A green glass vase on a white table",
    "chair": "A small rattan chair in a white room",
}
COLORS = ["white", "red", "green", "blue", "yellow", "black", "gray", "brown"]


@task
def catalogue(params: dict | None = None, run_id: str | None = None) -> str:
    """Write the requests; in real life a query or an export does."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.providers.common.compat.sdk import conf

    products = list(PRODUCTS.items())
    lines = []
    for number in range(params["pictures"]):
        again, place = divmod(number, len(products))
        name, text = products[place]
        text = text.replace("white", COLORS[again % len(COLORS)])
        lines.append(json.dumps({"id": f"{name}-{again}" if again else name, "text": text}))
    uri = f"{conf.get('titan', 'output_root')}/catalogue/{run_id}/requests.jsonl"
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    S3Hook("aws_default").load_string("\n".join(lines), key, bucket, replace=True)
    return uri


with DAG(
    "example_titan_catalogue",
    schedule=None,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["titan"],
    params={"pictures": Param(len(PRODUCTS), type="integer", minimum=1, maximum=10_000)},
):
    pictures = TitanBulkOperator(
        task_id="pictures",
        requests=catalogue(),
        defaults={"task": "text_to_image", "negative_text": "people, text", "width": 512, "height": 512},
        max_concurrency=8,
        max_price_usd="{{ params.pictures * 0.02 }}",
        max_failures="5%",
    )
    TitanFailedRequestsOperator(task_id="failed", results=pictures.output)
