"""What all wire formats share: JSON with images in base64, written without copying them about and read strictly."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar, runtime_checkable

import msgspec
import pybase64

from airflow_titan.errors import BadAnswer

if TYPE_CHECKING:
    from airflow_titan.imaging.composite import KeptPixels
    from airflow_titan.models.job import Job

S = TypeVar("S", bound=msgspec.Struct)

#: Bytes that are encoded at once: a multiple of three, so that the pieces add up.
_PIECE = 3 << 16
#: JSON's null, for an image that a response lacks.
NULL = msgspec.Raw(b"null")
#: Marks the place of an image. NUL can't be in a text that passed the check, so nothing else looks like this.
_PLACE = re.compile(r"\\u0000(\d+)\\u0000")


class EncodableImage(Protocol):
    """Anything that stands for an image in a message: an input, or what was made of one."""

    @property
    def data(self) -> bytes | None:
        """The bytes."""

    @property
    def identity(self) -> str:
        """What names the content; the same for the same bytes."""


@runtime_checkable
class Forgettable(Protocol):
    """Anything that holds bytes which can be made anew."""

    def forget(self) -> None:
        """Let the bytes go, once nobody needs them."""


@dataclass(frozen=True)
class Call:
    """
    One call of a model.

    :param message: the body, images as values
    :param model_id: the model that does the job; ``None`` for the one that was asked
    :param count: how many images it asks for
    :param with_mask: whether it asks for the mask, too
    :param keep: pixels of an input that are put back into its answer
    """

    message: dict[str, Any]
    model_id: str | None = None
    count: int = 1
    with_mask: bool = False
    keep: KeptPixels | None = None

    def forget(self) -> None:
        """Let go what was made of the inputs to be sent, once it is written."""
        for value in (*self.message.values(), self.keep):
            if isinstance(value, Forgettable):
                value.forget()


@dataclass(frozen=True)
class EncodedTask:
    """
    A task in a model's wire format.

    :param calls: the calls that make it up, in the order of their images
    :param approximations: what of the task comes out only nearly as meant
    :param job: what it is to a family whose models share the tasks
    """

    calls: tuple[Call, ...]
    approximations: tuple[str, ...] = ()
    job: Job | None = None


@dataclass(frozen=True)
class DecodedResponse:
    """
    What the model said, read from its wire format.

    :param images: the bytes of each image, in the model's order
    :param blocked: what the content filter said, ``None`` where it let everything pass
    :param mask: the bytes of the mask that was used, where the model gives it back
    """

    images: tuple[bytes, ...]
    blocked: str | None
    mask: bytes | None = None


def write(message: dict[str, Any], file: BinaryIO) -> None:
    """
    Write a message as JSON, each image in it as base64.

    The images are written in between the pieces of JSON, which spares ``json`` from copying and escaping megabytes.

    :param message: the body of a call, images as values
    :param file: where to
    """
    images: list[EncodableImage] = []

    def place(image: EncodableImage) -> str:
        images.append(image)
        return f"\0{len(images) - 1}\0"

    for index, piece in enumerate(_PLACE.split(json.dumps(message, default=place))):
        if not index % 2:
            file.write(piece.encode("ascii"))
            continue
        data = memoryview(images[int(piece)].data or b"")
        file.writelines(pybase64.b64encode(data[start : start + _PIECE]) for start in range(0, len(data), _PIECE))


def fingerprint(model_id: str, calls: tuple[Call, ...]) -> str:
    """
    Return what names everything that changes the picture: the model, each parameter, the seed, the inputs' bytes.

    :param model_id: the model that was asked
    :param calls: as its family encodes them
    :return: SHA-256 in hexadecimal; equal requests have equal fingerprints, whatever their inputs are called
    :raises LookupError: if the content of an image is unknown
    """
    messages = [
        [call.model_id or model_id, call.message, *([{"keep": call.keep.identity}] if call.keep else [])]
        for call in calls
    ]
    # a single call is told as such, which keeps the results of earlier versions
    content: Any = messages if len(messages) > 1 else messages[0]
    canonical = json.dumps(content, sort_keys=True, default=lambda image: {"image": image.identity})
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def read_json(data: bytes, shape: type[S]) -> S:
    """
    Return a response's JSON object. Its images are left where they are: a copy of megabytes as text would serve nobody.

    :param data: the body of the response
    :param shape: the keys that matter, each image as :class:`msgspec.Raw`
    :raises BadAnswer: if it is cut off, or something else
    """
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the answer is JSON of another shape: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"the answer of {len(data):,} bytes is not JSON, or cut off") from error


def read_base64(value: msgspec.Raw, index: int) -> bytes:
    """
    Decode one image of a response, strictly: the usual decoder drops what it can't read.

    :param value: the JSON of the image
    :param index: which image it is, as messages name it
    :raises BadAnswer: if it is no text, or not base64 to the last character
    """
    written = memoryview(value)
    if bytes(written[:1]) != b'"':
        raise BadAnswer(f"image {index} of the answer is no text")
    try:
        return _strictly(written[1:-1])
    except ValueError:
        pass
    try:
        # JSON may write a slash with a backslash before it, or any letter by its number
        return _strictly(msgspec.json.decode(value, type=str).encode("ascii"))
    except (ValueError, msgspec.DecodeError) as error:
        raise BadAnswer(f"image {index} of the answer is not valid base64") from error


def _strictly(text: bytes | memoryview) -> bytes:
    """
    Decode base64 to the last character.

    :raises ValueError: if it is anything else
    """
    data: bytes = pybase64.b64decode(text, validate=True)
    # a decoder may let padding pass that pads nothing
    if len(text) != -(-len(data) // 3) * 4:
        raise ValueError("its length is not that of base64")
    return data
