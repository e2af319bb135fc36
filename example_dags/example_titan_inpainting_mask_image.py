"""
Change a part that a mask marks.

A mask is a picture of the same size in which black is inside, the part to change, and white outside. Here a small
task draws one; in earnest it comes from a segmentation model or from a person with a brush.
"""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_titan.operators import TitanInpaintingOperator, TitanTextToImageOperator


@task
def draw_mask(pictures: list[str]) -> str:
    """Draw a mask as large as the picture, black in its lower middle, and give its URI."""
    from io import BytesIO

    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from PIL import Image, ImageDraw

    s3 = S3Hook()
    bucket, key = s3.parse_s3_url(pictures[0])
    width, height = Image.open(s3.get_key(key, bucket).get()["Body"]).size
    mask = Image.new("L", (width, height), "white")
    ImageDraw.Draw(mask).rectangle((width // 4, height // 2, width * 3 // 4, height * 7 // 8), fill="black")
    file = BytesIO()
    mask.save(file, "PNG")
    s3.load_bytes(file.getvalue(), f"masks/{key}.png", bucket, replace=True)
    return f"s3://{bucket}/masks/{key}.png"


with DAG(
    "example_titan_inpainting_mask_image", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]
):
    table = TitanTextToImageOperator(
        task_id="table", text="An empty wooden table in front of a window", width=768, height=768
    )
    TitanInpaintingOperator(
        task_id="laid_table",
        image=table.output,
        mask_image=draw_mask(table.output),
        text="a bowl of oranges",
        number_of_images=2,
    )
