"""
Change a part that words describe.

`mask_prompt` tells the model what to change, and `text` what to put there. Everything else stays as it is. Without
`text` the part is taken away and the background filled in, as the second edit shows.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import TitanInpaintingOperator, TitanTextToImageOperator

with DAG(
    "example_titan_inpainting_mask_prompt", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]
):
    room = TitanTextToImageOperator(
        task_id="room", text="A bright living room with a green sofa", width=768, height=768
    )
    TitanInpaintingOperator(
        task_id="new_sofa", image=room.output, mask_prompt="sofa", text="a red leather sofa with two cushions"
    )
    TitanInpaintingOperator(task_id="no_sofa", image=room.output, mask_prompt="sofa")
