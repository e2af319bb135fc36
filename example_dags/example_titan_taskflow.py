"""
The chain and a bulk task, as decorated functions.

Each function returns what its operator can't know beforehand: a text, several parameters as a dict, the picture to cut
out, or the requests of a bulk task, one after the other. All else stands in the decorator, as it would in the operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG, task

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = {"width": 512, "height": 512}
#: One model of Stability AI stands for all of its services.
STABILITY = {"model_id": "stability.sd3-5-large-v1:0"}


@task.titan_text_to_image(**SMALL)
def cup(material: str) -> str:
    """Describe a **cup** that stands alone."""
    return f"A cup of {material} on a wooden table, {{{{ dag.dag_id }}}}"


@task.titan_inpainting(mask_prompt="cup")
def repainted(image: list[str]) -> dict[str, Any]:
    """Give the picture and what is to be in it."""
    return {"image": image, "text": "a blue cup with white dots"}


@task.titan_outpainting(mask_prompt="cup", outpainting_mode="PRECISE")
def moved(image: list[str], params: dict[str, Any]) -> dict[str, Any]:
    """Let the run's parameters say where the cup is."""
    return {"image": image, "text": params["place"]}


@task.titan_image_variation(similarity_strength=0.7, number_of_images=2)
def alike(images: list[str]) -> dict[str, Any]:
    """Give the picture to vary."""
    return {"images": images}


@task.titan_color_guided(colors=["#0b3d91", "#f4c542"], **SMALL)
def in_our_colors(thing: str) -> str:
    """Name what is to be shown; mapped, once for each thing."""
    return f"A {thing} in a shop window"


@task.titan_background_removal
def cut_out(image: list[str]) -> list[str]:
    """Give the picture to cut out."""
    return image


@task.titan_recolor(mask_prompt="cup", **STABILITY)
def red(image: list[str]) -> dict[str, Any]:
    """Give the picture and the color."""
    return {"image": image, "text": "bright red"}


@task.titan_style_transfer(**STABILITY)
def like_a_poster(image: list[str], style_image: list[str]) -> dict[str, Any]:
    """Give the picture and the one whose style it takes."""
    return {"image": image, "style_image": style_image}


@task.titan_upscale(**STABILITY)
def large(image: list[str]) -> list[str]:
    """Give the picture that becomes four times as wide and high."""
    return image


@task.titan_bulk(defaults={"task": "image_variation", "similarity_strength": 0.5}, max_concurrency=4)
def seasons(image: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a request for each season."""
    for season in ("spring", "summer", "autumn", "winter"):
        yield {"id": season, "images": image, "text": f"the same in {season}"}


with DAG(
    "example_titan_taskflow",
    schedule=None,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["titan"],
    params={"place": "a terrace by the sea"},
):
    first = cup("porcelain")
    painted = repainted(first)
    alike(moved(painted))
    cut_out(painted)
    seasons(first)
    like_a_poster(first, painted)
    large(red(first))
    in_our_colors.override(task_id="posters", retries=2).expand(thing=["teapot", "lamp"])
