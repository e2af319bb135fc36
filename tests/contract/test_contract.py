"""
Our check and the emulator, each with its own statement of the rules, come to the same verdict: on Titan.

What our check accepts is sent as our operators send it; what it refuses is sent as the user wrote it. Both go over
HTTP with plain boto3. Nova Canvas and Stability AI's models stand beside this, in files of their own. Known
differences, in which our check is the stricter one, and why:

=======================================  ==============================================================================
control characters in a text             they show a slip upstream; the manual doesn't speak of them
a text in which nothing can be seen      a template found nothing, and the picture would be paid for
half a surrogate pair in a text          it is no text; JSON can carry it, UTF-8 can't
text-to-image with one side              the manual's default for the other is 1408, which fits four sizes by accident
spaces around a choice, numbers as text  a template's doing; our check puts them right before they are sent
the last 1,000 bytes below 25,000,000    the check weighs images and texts, and allows for the rest generously
a PNG with its pixels in two places      the specification forbids it; Pillow, which the emulator uses, lets it pass
=======================================  ==============================================================================

And one in which it is the milder one: data after the last pixel of a mask is found only where the mask's last row is
black, because looking for it costs as much as decoding, and no pixel hides there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from contracted import agree as compare
from contracted import any_settings, bounded, image, in_titans_words, maybe, sender
from contracted import texts as up_to
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pictures import BAD, GOOD, jpeg, mask, photo, png, saved
from PIL import Image as Pillow

from airflow_titan.models.catalog import find
from airflow_titan.models.tasks import ImageVariation, Inpainting, Outpainting, Task, TextToImage

if TYPE_CHECKING:
    from contracted import Service

    from airflow_titan.emulator import Emulator

MODELS = ["amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"]


@pytest.fixture
def service(emulator: Emulator) -> Service:
    """Give a function that sends a body, and says why it was refused."""
    return sender(emulator.url, "us-east-1")


def agree(task: Task, model_id: str, service: Service) -> None:
    """Compare the two verdicts."""
    compare(task, model_id, service, (model_id, in_titans_words(task)))


texts = up_to(512)
_permitted = st.sampled_from([row[:2] for row in find(MODELS[0]).sizes.table if row[3] == "512"] + [(1173, 640)])
_odd_size = st.sampled_from(
    [(512, 511), (1408, 1408), (640, 1152), (640, 1173), (0, 0), (-512, 512), (512.0, 512), (1.5, 2)]
)
sizes = _permitted | _permitted | _odd_size | st.just((None, None))
_good = [
    photo(),
    jpeg(),
    saved(Pillow.new("L", (64, 48))),
    png(64, 48, interlace=1),
    saved(Pillow.new("RGBA", (64, 48), "red")),
    saved(Pillow.new("RGBA", (64, 48), (9, 99, 9, 0))),
]
pictures = st.sampled_from([*_good, *_good, *GOOD.values(), photo(9, 9), photo(1408, 3), photo(3, 1409), BAD["GIF"]])
_masks = [mask(mode=mode) for mode in ("1", "L", "P", "RGB")]
masks = st.sampled_from([*_masks, *_masks, photo(), mask(48, 64), saved(Pillow.new("LA", (64, 48))), b""])
models = st.sampled_from(MODELS)


@given(models, texts, any_settings, sizes)
@bounded
def test_text_to_image(service: Any, model: str, text: Any, more: Any, size: Any) -> None:
    """Words, settings and sizes around every bound."""
    width, height = size
    agree(TextToImage(text=text, width=width, height=height, **more), model, service)


@given(models, st.sampled_from([Inpainting, Outpainting]), st.data())
@bounded
def test_masked_edits(service: Any, model: str, kind: Any, data: st.DataObject) -> None:
    """Pictures, masks of both kinds, one, none and both, with and without text."""
    draw = data.draw
    more = draw(any_settings) | {"text": draw(maybe(texts)), "negative_text": draw(maybe(texts))}
    if kind is Outpainting:
        more["outpainting_mode"] = draw(maybe(st.sampled_from(["DEFAULT", "PRECISE", "precise", ""])))
    if draw(st.booleans()):
        more["width"], more["height"] = draw(sizes)
    prompt, hole = draw(maybe(texts)), draw(maybe(masks))
    given_mask = image(hole) if hole is not None else None
    agree(kind(image=image(draw(pictures)), mask_prompt=prompt, mask_image=given_mask, **more), model, service)


@given(models, st.lists(pictures, max_size=6), maybe(st.floats(0.1, 1.1)), any_settings)
@bounded
def test_variations(service: Any, model: str, many: Any, strength: Any, more: Any) -> None:
    """Any number of pictures, and strengths around both bounds."""
    images = tuple(image(data)[0] for data in many)
    agree(ImageVariation(images=images, similarity_strength=strength, **more), model, service)


@pytest.mark.parametrize("name", sorted({*GOOD, *BAD} - {"pixels in two places"}))
def test_every_odd_file(service: Any, name: str) -> None:
    """Each kind of file that we know of, as an input picture."""
    data = {**GOOD, **BAD}[name]
    agree(ImageVariation(images=image(data)), MODELS[0], service)


@given(st.sampled_from(_good), st.integers(0), st.integers(0, 7), st.sampled_from(["flip", "cut", "double", "insert"]))
@settings(bounded, max_examples=1000)
def test_damaged_pictures(service: Any, data: bytes, where: int, bit: int, how: str) -> None:
    """A picture with one thing wrong anywhere gets one verdict from both."""
    at = where % len(data)
    broken = {
        "flip": data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :],
        "cut": data[:at],
        "double": data[:at] + data[at // 2 :],
        "insert": data[:at] + bytes((bit,)) + data[at:],
    }[how]
    assume(broken)
    agree(ImageVariation(images=image(broken)), MODELS[1], service)


@given(st.binary(max_size=64), st.sampled_from(["1", "L", "P", "RGB"]), st.integers(0, 3071))
@settings(bounded, max_examples=100)
def test_masks_with_odd_pixels(service: Any, values: bytes, mode: str, start: int) -> None:
    """Masks in which a few pixels have any value."""
    raw = bytearray(64 * 48)
    raw[start : start + len(values)] = values
    grey = Pillow.frombytes("L", (64, 48), bytes(raw[: 64 * 48]))
    hole = grey if mode == "L" else grey.convert(mode)
    agree(Inpainting(image=image(photo()), mask_image=image(saved(hole))), MODELS[0], service)
