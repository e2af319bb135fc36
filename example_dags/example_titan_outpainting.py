"""
A new surrounding.

Outpainting keeps what lies inside the mask (black) and paints everything around it. `PRECISE` never touches a pixel
inside the mask; `DEFAULT` may, to make the two parts meet. This DAG does both, so that they can be compared.
"""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_titan.operators import TitanOutpaintingOperator, TitanTextToImageOperator


@task
def draw_mask(pictures: list[str]) -> str:
    """Draw a mask as large as the picture, black in its middle, and give its URI."""
    from io import BytesIO

    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from PIL import Image, ImageDraw

    s3 = S3Hook()
    bucket, key = s3.parse_s3_url(pictures[0])
    width, height = Image.open(s3.get_key(key, bucket).get()["Body"]).size
    mask = Image.new("L", (width, height), "white")
    ImageDraw.Draw(mask).ellipse((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill="black")
    file = BytesIO()
    mask.save(file, "PNG")
    s3.load_bytes(file.getvalue(), f"masks/{key}.png", bucket, replace=True)
    return f"s3://{bucket}/masks/{key}.png"


with DAG("example_titan_outpainting", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    bottle = TitanTextToImageOperator(
        task_id="bottle", text="A perfume bottle on a white background", width=768, height=768
    )
    mask = draw_mask(bottle.output)
    for mode in ("PRECISE", "DEFAULT"):
        TitanOutpaintingOperator(
            task_id=f"beach_{mode.lower()}",
            image=bottle.output,
            mask_image=mask,
            text="a sandy beach at sunrise",
            outpainting_mode=mode,
        )
