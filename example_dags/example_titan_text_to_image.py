"""
A picture from words.

One task, one request, two pictures in S3. The task's return value is the list of their URIs, so that any later task
can read them; the seed and the price are in its XCom `manifest`. No seed is given: every run gets new pictures, and
a retry gets the same ones again.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanTextToImageOperator

with DAG("example_titan_text_to_image", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    TitanTextToImageOperator(
        task_id="lighthouse",
        text="A lighthouse on a cliff at dusk, long exposure, calm sea",
        negative_text="people, boats",
        number_of_images=2,
        width=768,
        height=768,
        cfg_scale=7.5,
    )
