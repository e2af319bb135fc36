"""
Make the inputs that edits need, without a photo editor.

A picture is prepared for the model: upright, opaque, cropped to 4:3, and no larger than the model takes; a photo of
any common kind could stand in its place. Then a box marks the part to change, and a wider canvas gives outpainting the
room for a landscape; each time the mask is made to match. The three operators that do this call no model.
"""

from airflow.providers.common.compat.sdk import DAG

from airflow_titan.operators import (
    TitanExtendCanvasOperator,
    TitanInpaintingOperator,
    TitanMaskOperator,
    TitanOutpaintingOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

with DAG("example_titan_prepare", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    photo = TitanTextToImageOperator(task_id="photo", text="A red door in a white wall", width=1024, height=1024)
    prepared = TitanPrepareImageOperator(
        task_id="prepared",
        image=photo.output,
        fit="crop",
        width=1024,
        height=768,
    )

    box = TitanMaskOperator(task_id="box", image=prepared.output, boxes=[[384, 256, 640, 768]])
    TitanInpaintingOperator(task_id="blue_door", image=prepared.output, mask_image=box.output, text="a blue door")

    wide = TitanExtendCanvasOperator(task_id="wide", image=prepared.output, width=1408, overlap=16)
    TitanOutpaintingOperator(
        task_id="street",
        image=wide.output["image"],
        mask_image=wide.output["mask"],
        text="a narrow street with flower pots",
    )
