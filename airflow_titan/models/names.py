"""Which parameter is meant by a name that is none: a misspelt one, or what another API calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.parameters import suggestion

if TYPE_CHECKING:
    from collections.abc import Collection

#: What Stability AI's and OpenAI's APIs and diffusers call what is a parameter here under Amazon's name.
_ELSEWHERE = {
    "prompt": "text",
    "negative_prompt": "negative_text",
    "mask": "mask_image",
    "mask_uri": "mask_image",
    "search_prompt": "mask_prompt",
    "init_image": "image",
    "input_image": "image",
    "image_uri": "image",
    "n": "number_of_images",
    "num_images": "number_of_images",
    "num_images_per_prompt": "number_of_images",
    "guidance_scale": "cfg_scale",
    "style_preset": "style",
    "model": "model_id",
    "conn_id": "aws_conn_id",
    "bucket": "output_prefix",
    "prefix": "output_prefix",
}


def suggest_parameter(name: str, names: Collection[str]) -> str:
    """
    Return a question after the parameter that is meant, with a space before it; nothing if none is near.

    :param name: a name that is none
    :param names: the parameters that there are
    """
    if (meant := _ELSEWHERE.get(name.strip().casefold())) in names:
        return f" Did you mean {meant}?"
    return suggestion(name, sorted(names))
