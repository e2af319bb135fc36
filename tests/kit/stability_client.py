"""A plain client of Stability AI's models on boto3, and the pictures that it sends."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from client import Pixels, client, encoded, pixels
from pictures import saved
from PIL import Image

CORE, ULTRA, SD35 = (
    "stability.stable-image-core-v1:1",
    "stability.stable-image-ultra-v1:1",
    "stability.sd3-5-large-v1:0",
)
_EDIT = "us.stability.stable-image-{}-v1:0"
INPAINT, ERASE = _EDIT.format("inpaint"), _EDIT.format("erase-object")
SEARCH, CUT = _EDIT.format("search-replace"), _EDIT.format("remove-background")
RECOLOR, OUTPAINT = _EDIT.format("search-recolor"), "us.stability.stable-outpaint-v1:0"
STRUCTURE, SKETCH = _EDIT.format("control-structure"), _EDIT.format("control-sketch")
GUIDE, TRANSFER = _EDIT.format("style-guide"), "us.stability.stable-style-transfer-v1:0"
FAST, CONSERVATIVE, CREATIVE = (
    f"us.stability.stable-{how}-upscale-v1:0" for how in ("fast", "conservative", "creative")
)
SERVICES = (
    INPAINT, ERASE, SEARCH, CUT, RECOLOR, OUTPAINT, STRUCTURE, SKETCH, GUIDE, TRANSFER, FAST, CONSERVATIVE, CREATIVE,
)  # fmt: skip
#: The keys of each service that have no default.
REQUIRED = {
    CORE: ("prompt",),
    ULTRA: ("prompt",),
    SD35: ("prompt",),
    INPAINT: ("prompt", "image"),
    ERASE: ("image",),
    SEARCH: ("prompt", "image", "search_prompt"),
    CUT: ("image",),
    RECOLOR: ("prompt", "image", "select_prompt"),
    OUTPAINT: ("image",),
    STRUCTURE: ("prompt", "image"),
    SKETCH: ("prompt", "image"),
    GUIDE: ("prompt", "image"),
    TRANSFER: ("init_image", "style_image"),
    FAST: ("image",),
    CONSERVATIVE: ("prompt", "image"),
    CREATIVE: ("prompt", "image"),
}


def white(left: int, right: int, size: tuple[int, int] = (160, 120), value: int = 255) -> str:
    """Draw a black mask with a light band from one column to another."""
    image = Image.new("L", size)
    image.paste(value, (left, 0, right, size[1]))
    return encoded(saved(image))


@dataclass(frozen=True)
class Stability:
    """Sends bodies to models."""

    url: str

    def answer(self, model: str, region: str = "us-west-2", **body: Any) -> Any:
        """Give a whole answer."""
        sent = client("bedrock-runtime", self.url, region).invoke_model(modelId=model, body=json.dumps(body))
        return json.loads(sent["body"].read())

    def image(self, model: str, **body: Any) -> bytes:
        """Give the image of an answer."""
        answer = self.answer(model, **body)
        assert answer["finish_reasons"] == [None]
        assert len(answer["seeds"]) == 1
        (image,) = answer["images"]
        return base64.b64decode(image, validate=True)

    def pixels(self, model: str, **body: Any) -> Pixels:
        """Give the pixels of the image of an answer."""
        return pixels(self.image(model, **body))

    def refused(self, model: str, region: str = "us-west-2", **body: Any) -> str:
        """Give the message of a refusal, without the words around a broken schema."""
        with pytest.raises(ClientError) as caught:
            self.answer(model, region, **body)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        message: str = caught.value.response["Error"]["Message"]
        return message.removeprefix("Malformed input request: ").removesuffix(
            ", please reformat your input and try again."
        )
