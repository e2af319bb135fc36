"""A plain Titan client on boto3, and the bodies that it sends: nothing of this package's own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import boto3
import numpy as np
from botocore.config import Config
from botocore.exceptions import ClientError
from numpy.typing import NDArray
from pictures import mask, photo
from PIL import Image

Pixels = NDArray[np.int16]

V1, V2 = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"
#: One attempt a call, so that every refusal arrives as it was said.
ONCE = Config(retries={"total_max_attempts": 1}, max_pool_connections=50)
#: The smallest of the permitted sizes: the quickest to paint.
SMALL = {"width": 320, "height": 704}


@cache
def client(service: str, url: str, region: str = "us-east-1") -> Any:
    """Give the client of a service at an address."""
    return boto3.client(service, region, endpoint_url=url, config=ONCE)


@dataclass(frozen=True)
class Answer:
    """What the model answered."""

    images: list[bytes]
    error: str | None
    headers: dict[str, str]


@dataclass(frozen=True)
class Refusal:
    """What the service said instead of an answer."""

    status: int
    type: str
    message: str


@dataclass(frozen=True)
class Titan:
    """Sends bodies to a model."""

    url: str
    model: str = V1

    def send(self, body: Any, **options: Any) -> Any:
        """Call InvokeModel; `body` is sent as it is when it is bytes, else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client("bedrock-runtime", self.url).invoke_model(modelId=self.model, body=raw, **options)

    def answer(self, body: Any, **options: Any) -> Answer:
        """Give the answer to a body."""
        response = self.send(body, **options)
        parsed = json.loads(response["body"].read())
        assert set(parsed) == {"images", "error"}
        images = [base64.b64decode(image, validate=True) for image in parsed["images"]]
        return Answer(images, parsed["error"], response["ResponseMetadata"]["HTTPHeaders"])

    def image(self, body: Any) -> bytes:
        """Give the one image that a body asks for."""
        answer = self.answer(body)
        assert answer.error is None
        (image,) = answer.images
        return image

    def pixels(self, body: Any) -> Pixels:
        """Give the pixels of the one image that a body asks for."""
        return pixels(self.image(body))

    def refusal(self, body: Any) -> Refusal:
        """Give the refusal of a body; fail when there is none."""
        try:
            self.send(body)
        except ClientError as error:
            said = error.response
            kind = said["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"]
            assert said["Error"]["Code"] == kind
            return Refusal(said["ResponseMetadata"]["HTTPStatusCode"], kind, said["Error"]["Message"])
        raise AssertionError("The request was accepted.")

    def malformed(self, body: Any) -> str:
        """Give what a body was refused for, without the words around it."""
        refusal = self.refusal(body)
        assert (refusal.status, refusal.type) == (400, "ValidationException")
        before, after = "Malformed input request: ", ", please reformat your input and try again."
        assert refusal.message.startswith(before), refusal.message
        assert refusal.message.endswith(after), refusal.message
        return refusal.message[len(before) : -len(after)]


def pixels(data: bytes) -> Pixels:
    """Give an image's colours, as numbers that can be subtracted."""
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), np.int16)


def distance(one: Pixels, other: Pixels) -> float:
    """Give how far apart two pictures are, in the mean of all channels."""
    return float(np.abs(one - other).mean())


def encoded(data: bytes) -> str:
    """Give bytes as base64 text."""
    return base64.b64encode(data).decode()


def text_image(text: str = "a cup of coffee", *, params: Any = None, **config: Any) -> dict[str, Any]:
    """Ask for a picture; of the smallest size unless `config` says otherwise."""
    return {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": text} | (params or {}),
        "imageGenerationConfig": SMALL | config,
    }


def inpainting(params: Any = None, *, image: bytes | None = None, **config: Any) -> dict[str, Any]:
    """Ask for the left half of a picture to be changed, unless `params` hold a mask of their own."""
    return _edit("INPAINTING", "inPaintingParams", {"text": "a red boat"} | (params or {}), image, config)


def outpainting(params: Any = None, *, image: bytes | None = None, **config: Any) -> dict[str, Any]:
    """Ask for all but the left half of a picture to be changed, unless `params` hold a mask of their own."""
    return _edit("OUTPAINTING", "outPaintingParams", {"text": "a sunny beach"} | (params or {}), image, config)


def variation(*images: bytes, params: Any = None, **config: Any) -> dict[str, Any]:
    """Ask for a variation of pictures."""
    found = [encoded(image) for image in images or (photo(),)]
    return {
        "taskType": "IMAGE_VARIATION",
        "imageVariationParams": {"images": found} | (params or {}),
        "imageGenerationConfig": config,
    }


def _edit(task: str, name: str, params: dict[str, Any], image: bytes | None, config: dict[str, Any]) -> dict[str, Any]:
    image = photo() if image is None else image
    params = {"image": encoded(image)} | params
    if not {"maskPrompt", "maskImage"} & params.keys():
        height, width = pixels(image).shape[:2]
        params["maskImage"] = encoded(mask(width, height))
    return {"taskType": task, name: params, "imageGenerationConfig": config}
