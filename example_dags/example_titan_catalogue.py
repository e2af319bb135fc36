"""
A catalogue of prompts, one picture each, in one task.

The requests lie in a JSON Lines file, one a line; what they share stands in `defaults`. The bulk task keeps eight calls
under way, stops before it costs more than a dollar, and forgives one request in twenty. Its result file names every
request, and what failed becomes a new requests file: put it right, and run it again.
"""

import json

from airflow.providers.common.compat.sdk import DAG, task

from airflow_titan.operators import TitanBulkOperator, TitanFailedRequestsOperator

PRODUCTS = {
    "kettle": "A copper kettle on a white table",
    "lamp": "A brass desk lamp on a white table",
    "mug": "A blue enamel mug on a white table",
    "clock": "A wooden mantel clock on a white table",
    "vase": "A green glass vase on a white table",
    "chair": "A small rattan chair in a white room",
}


@task
def catalogue(run_id: str | None = None) -> str:
    """Write the requests; in real life a query or an export does."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from airflow.providers.common.compat.sdk import conf

    lines = [json.dumps({"id": name, "text": text}) for name, text in PRODUCTS.items()]
    uri = f"{conf.get('titan', 'output_root')}/catalogue/{run_id}/requests.jsonl"
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    S3Hook("aws_default").load_string("\n".join(lines), key, bucket, replace=True)
    return uri


with DAG("example_titan_catalogue", schedule=None, doc_md=__doc__, tags=["titan"]):
    pictures = TitanBulkOperator(
        task_id="pictures",
        requests=catalogue(),
        defaults={"task": "text_to_image", "negative_text": "people, text", "width": 512, "height": 512},
        max_concurrency=8,
        max_price_usd=1,
        max_failures="5%",
    )
    TitanFailedRequestsOperator(task_id="failed", results=pictures.output)
