"""
What catalogues need and Stability AI's services do: another color, another style, and more pixels.

The sofa gets the color of the season, the room the style of a painting, and both four times the width and height. Each
task names a model of Stability AI, which stands for the whole family: each goes to the service that does it.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import (
    TitanRecolorOperator,
    TitanStyleTransferOperator,
    TitanTextToImageOperator,
    TitanUpscaleOperator,
)

with DAG(
    "example_titan_upscale",
    schedule=None,
    doc_md=__doc__,
    tags=["titan"],
    default_args={"retries": 2, "model_id": "stability.sd3-5-large-v1:0"},
):
    room = TitanTextToImageOperator(task_id="room", text="A bright living room with a sofa", width=1024, height=1024)
    painting = TitanTextToImageOperator(task_id="painting", text="An oil painting of a harbor", width=1024, height=1024)
    red = TitanRecolorOperator(task_id="red", image=room.output, mask_prompt="sofa", text="bright red")
    painted = TitanStyleTransferOperator(task_id="painted", image=room.output, style_image=painting.output)
    TitanUpscaleOperator.partial(task_id="large").expand(image=[red.output, painted.output])
    TitanUpscaleOperator(
        task_id="poster", image=red.output, mode="conservative", text="A bright living room with a red sofa"
    )
