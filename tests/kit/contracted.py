"""Our check's verdict on a task beside the emulator's, and what the tasks are made of."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from written import written

from airflow_titan.errors import InvalidRequest
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.families import FAMILIES
from airflow_titan.models.tasks import (
    BackgroundRemoval,
    ColorGuided,
    ImageVariation,
    Inpainting,
    Outpainting,
    TextToImage,
)
from airflow_titan.models.validation import validate
from airflow_titan.parameters import is_blank

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.models.tasks import Task

    #: Sends a body to a model, and says why it was refused.
    Service = Callable[[str, bytes], str | None]

bounded = settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


_TASKS = {
    TextToImage: ("TEXT_IMAGE", "textToImageParams"),
    Inpainting: ("INPAINTING", "inPaintingParams"),
    Outpainting: ("OUTPAINTING", "outPaintingParams"),
    ImageVariation: ("IMAGE_VARIATION", "imageVariationParams"),
    ColorGuided: ("COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams"),
    BackgroundRemoval: ("BACKGROUND_REMOVAL", "backgroundRemovalParams"),
}
_NAMES = {
    "text": "text", "negative_text": "negativeText", "image": "image", "images": "images", "mask_prompt": "maskPrompt",
    "mask_image": "maskImage", "outpainting_mode": "outPaintingMode", "similarity_strength": "similarityStrength",
    "condition_image": "conditionImage", "control_mode": "controlMode", "control_strength": "controlStrength",
    "style": "style", "colors": "colors", "reference_image": "referenceImage", "return_mask": "returnMask",
}  # fmt: skip
_SETTINGS = {
    "number_of_images": "numberOfImages", "width": "width", "height": "height", "cfg_scale": "cfgScale",
    "seed": "seed", "quality": "quality",
}  # fmt: skip


def in_titans_words(task: Task) -> bytes:
    """Write what a user gave as a body of Titan or Nova Canvas, with nothing put right: not by our own encoding."""
    kind, own = _TASKS[type(task)]
    body: dict[str, Any] = {"taskType": kind, own: {}}
    config: dict[str, Any] = {}
    for name, value in vars(task).items():
        if value is None:
            continue
        if name in _SETTINGS:
            config[_SETTINGS[name]] = value
        elif isinstance(value, tuple):
            encoded = base64_of(value)
            body[own][_NAMES[name]] = encoded if name == "images" else encoded[0]
        else:
            body[own][_NAMES[name]] = value
    return json.dumps(body | ({"imageGenerationConfig": config} if config else {})).encode()


def sender(url: str, region: str) -> Service:
    """Give a function that sends a body to a model, and says why it was refused."""
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client("bedrock-runtime", endpoint_url=url, region_name=region, config=config)

    def send(model_id: str, body: bytes) -> str | None:
        try:
            client.invoke_model(modelId=model_id, body=body)["body"].read()
        except client.exceptions.ValidationException as error:
            return str(error)
        return None

    return send


def agree(task: Task, model_id: str, service: Service, sent: tuple[str, bytes]) -> None:
    """
    Compare the two verdicts.

    :param sent: what is sent when our check refuses: the model, and the body with nothing put right
    """
    spec, ours = find(model_id), None
    calls = [sent]
    try:
        encoded = FAMILIES[spec.family].encode(validate(task, spec).task, spec).calls
        calls = [(call.model_id or model_id, written(call.message)) for call in encoded]
    except InvalidRequest as error:
        ours = str(error)
    for model, body in calls:
        theirs = service(model, body)
        assert bool(ours) == bool(theirs), f"ours: {ours}; the emulator's: {theirs}"


def image(data: bytes) -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image("s3://b/k", data, weight=len(data)),)


def base64_of(images: tuple[Image, ...]) -> list[str]:
    """Write the images of a parameter as they stand in a body."""
    return [base64.b64encode(image.data or b"").decode() for image in images]


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Leave a parameter out as often as not."""
    return st.none() | strategy


def texts(longest: int) -> st.SearchStrategy[str]:
    """Give texts in which something can be seen, and such, of words, as are about as long as they may be."""
    clean = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).filter(lambda text: not is_blank(text))
    lengths = st.sampled_from([longest - 1, longest, longest + 1])
    return clean | st.builds(lambda sign, length: (f"{sign} " * length)[:length], st.sampled_from("aé漢🎨"), lengths)


#: Titan's settings and Nova Canvas's, but for the size.
any_settings = st.fixed_dictionaries(
    {
        "number_of_images": maybe(st.sampled_from([1, 2, 0, 6, -1, 1.5, 2.0, True])),
        "cfg_scale": maybe(st.sampled_from([1.1, 10.0, 10, 1.0999, 10.0001, 0, False]) | st.floats(0.9, 10.2)),
        "seed": maybe(st.sampled_from([0, 2_147_483_646, -1, 2_147_483_647, 1.5, 7.0, True])),
        "quality": maybe(st.sampled_from(["standard", "premium", "best", ""])),
    }
)
