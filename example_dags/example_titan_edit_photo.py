"""
Edit a photo of your own.

Trigger it with the photo's URI and either a mask or words for the part to change:
`{"image": "s3://bucket/photo.jpg", "mask_prompt": "sky", "text": "a sky full of stars"}`. The same mask then serves
twice: `edit` changes what lies inside it, `surround` keeps that and paints the rest. `make demo IMAGE=photo.jpg` runs
this DAG.
"""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_titan.operators import TitanImageVariationOperator, TitanInpaintingOperator, TitanOutpaintingOperator


@task(multiple_outputs=True)
def choose_mask(params: dict[str, Any]) -> dict[str, str | None]:
    """Prefer the mask; exactly one of the two may reach the model."""
    mask_image = params["mask_image"]
    return {"mask_image": mask_image, "mask_prompt": None if mask_image else params["mask_prompt"]}


with DAG(
    "example_titan_edit_photo",
    schedule=None,
    params={
        "image": Param(type="string", description="URI of a JPEG or PNG of at most 1408 pixels a side"),
        "mask_image": Param(None, type=["null", "string"], description="URI of a mask of the same size"),
        "mask_prompt": Param("background", type="string", description="What to change, if there is no mask"),
        "text": Param("a garden in the evening sun", type="string", description="What to show instead"),
    },
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["titan"],
):
    mask = choose_mask()
    chosen = {"image": "{{ params.image }}", "mask_image": mask["mask_image"], "mask_prompt": mask["mask_prompt"]}
    edit = TitanInpaintingOperator(task_id="edit", text="{{ params.text }}", **chosen)
    TitanOutpaintingOperator(task_id="surround", text="{{ params.text }}", outpainting_mode="PRECISE", **chosen)
    TitanImageVariationOperator(task_id="vary", images=edit.output, similarity_strength=0.8, number_of_images=2)
