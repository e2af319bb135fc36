"""
Four variations, and a person who picks: outpainting goes on with the choice.

The task *pick* waits under *Required Actions* until somebody has chosen one or two of the pictures that it shows, for a
day at most; then the first is taken. Waiting takes no worker.
"""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import (
    TitanImageVariationOperator,
    TitanOutpaintingOperator,
    TitanReviewOperator,
    TitanTextToImageOperator,
)

with DAG("example_titan_review", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    teapot = TitanTextToImageOperator(task_id="teapot", text="A blue teapot on a table", width=512, height=512)
    variations = TitanImageVariationOperator(
        task_id="variations",
        images=teapot.output,
        text="A teapot in the manner of a woodcut",
        similarity_strength=0.6,
        number_of_images=4,
        width=512,
        height=512,
    )
    pick = TitanReviewOperator(
        task_id="pick",
        images=variations.output,
        maximum=2,
        subject="Which teapots go into the catalogue?",
        body="They are shown **small**, on a page of many: what is seen from afar counts.",
        defaults=1,
        response_timeout=timedelta(days=1),
    )
    TitanOutpaintingOperator.partial(
        task_id="kitchen", text="A sunny kitchen", mask_prompt="teapot", outpainting_mode="DEFAULT"
    ).expand(image=pick.output)
