"""
``@task.titan_...``: operators whose request a function of the DAG's author makes.

May enter ``operators`` and what lies below it. Airflow reads the table while it starts, so this module imports nothing:
a decorator is made when it is first asked for.

- :mod:`~airflow_titan.decorators.decorated`: the function's call, and how what it returns becomes parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskDecorator


class Decorator(NamedTuple):
    """
    What a decorator makes of a function.

    :param operator: the class in :mod:`airflow_titan.operators` that does the work
    :param parameter: what a returned value is that is no dict of parameters
    """

    operator: str
    parameter: str


DECORATORS = {
    "titan_background_removal": Decorator("TitanBackgroundRemovalOperator", "image"),
    "titan_bulk": Decorator("TitanBulkOperator", "requests"),
    "titan_color_guided": Decorator("TitanColorGuidedOperator", "text"),
    "titan_image_variation": Decorator("TitanImageVariationOperator", "text"),
    "titan_inpainting": Decorator("TitanInpaintingOperator", "text"),
    "titan_outpainting": Decorator("TitanOutpaintingOperator", "text"),
    "titan_recolor": Decorator("TitanRecolorOperator", "text"),
    "titan_style_transfer": Decorator("TitanStyleTransferOperator", "image"),
    "titan_text_to_image": Decorator("TitanTextToImageOperator", "text"),
    "titan_upscale": Decorator("TitanUpscaleOperator", "image"),
}


def __getattr__(name: str) -> TaskDecorator:
    if name not in DECORATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_titan.decorators.decorated import decorator

    made = globals()[name] = decorator(name, *DECORATORS[name])
    return made
