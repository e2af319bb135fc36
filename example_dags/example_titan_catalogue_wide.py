"""
A catalogue of square photos, each made as wide as a screen.

Each photo is placed on a canvas of 16:9 with a mask around it, and one bulk task paints what is new. On Stability AI's
models such a pair goes to the outpaint service, and `PRECISE` puts the photo's own pixels back, to the last bit.
"""

from airflow.providers.common.compat.sdk import DAG, task

from airflow_titan.operators import TitanBulkOperator, TitanExtendCanvasOperator, TitanTextToImageOperator

MODEL = "stability.sd3-5-large-v1:0"
PRODUCTS = ["A teapot on a table", "A lamp by a window", "A chair in a garden"]

with DAG("example_titan_catalogue_wide", schedule=None, default_args={"retries": 2}, doc_md=__doc__, tags=["titan"]):
    photos = TitanTextToImageOperator.partial(task_id="photos", model_id=MODEL).expand(text=PRODUCTS)
    canvases = TitanExtendCanvasOperator.partial(task_id="canvases", model_id=MODEL, width=1824, height=1026).expand(
        image=photos.output
    )

    @task
    def requests(pairs: list[list[str]]) -> list[dict[str, str]]:
        """One request a canvas: the picture on it, and the mask around the picture."""
        return [{"id": f"product-{n}", "image": image, "mask_image": mask} for n, (image, mask) in enumerate(pairs)]

    TitanBulkOperator(
        task_id="wide",
        requests=requests(canvases.output),
        defaults={
            "task": "outpainting",
            "model_id": MODEL,
            "text": "the same room, softly lit",
            "outpainting_mode": "PRECISE",
        },
    )
