"""
Generate, edit, surround, vary.

Four steps, each reading what the one before it wrote, by `.output` alone. The DAG names no model, no size and no
bucket: `[titan] model_id` and `[titan] output_root` decide, so it runs unchanged against another model.
"""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_titan.operators import (
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanTextToImageOperator,
)


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
    ImageDraw.Draw(mask).ellipse((width // 6, height // 6, width * 5 // 6, height * 5 // 6), fill="black")
    file = BytesIO()
    mask.save(file, "PNG")
    s3.load_bytes(file.getvalue(), f"masks/{key}.png", bucket, replace=True)
    return f"s3://{bucket}/masks/{key}.png"


with DAG("example_titan_chain", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    generate = TitanTextToImageOperator(task_id="generate", text="A cup of coffee on a table, seen from the side")
    inpaint = TitanInpaintingOperator(
        task_id="inpaint",
        image=generate.output,
        mask_prompt="cup",
        text="a blue cup with white dots",
        # what the model took for the cup, to look at; models that don't tell are asked all the same
        return_mask=True,
        translate="lenient",
    )
    outpaint = TitanOutpaintingOperator(
        task_id="outpaint",
        image=inpaint.output,
        mask_image=draw_mask(inpaint.output),
        text="a terrace by the sea at dawn",
        outpainting_mode="PRECISE",
    )
    TitanImageVariationOperator(task_id="vary", images=outpaint.output, similarity_strength=0.7, number_of_images=3)
