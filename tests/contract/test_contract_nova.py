"""
Our check and the emulator come to the same verdict on Nova Canvas, as on Titan beside this.

Known differences, in which our check is the stricter one, beside those on Titan, and why:

=======================================  ==============================================================================
an opaque alpha channel in a mask        a client that draws its masks as transparency is told so, whatever the model
colors by their names                    a template's doing; our check puts them right before they are sent
=======================================  ==============================================================================

And one in which it is the milder one: AWS doesn't say whether a variation heeds width and height, so a size that Nova
Canvas doesn't make is sent, with a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from contracted import agree, any_settings, bounded, image, in_titans_words, maybe, sender
from contracted import texts as up_to
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import BAD, jpeg, mask, photo, saved
from PIL import Image as Pillow

from airflow_titan.emulator import running
from airflow_titan.models.tasks import (
    BackgroundRemoval,
    ColorGuided,
    ImageVariation,
    Inpainting,
    Outpainting,
    Task,
    TextToImage,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracted import Service

    from airflow_titan.emulator import Emulator

NOVA = "amazon.nova-canvas-v1:0"
painted = settings(bounded, max_examples=60)


@pytest.fixture
def service(emulator: Emulator) -> Service:
    """Give a function that sends a body, and says why it was refused."""
    return sender(emulator.url, "us-east-1")


@pytest.fixture(scope="module")
def sizing() -> Iterator[Service]:
    """Give such a function whose pictures lie ready, for those that are large."""
    with running(canned=True) as emulator:
        yield sender(emulator.url, "us-east-1")


def compare(task: Task, service: Service) -> None:
    """Compare the two verdicts."""
    agree(task, NOVA, service, (NOVA, in_titans_words(task)))


texts = up_to(1024)
_sides = st.sampled_from([None, 319, 320, 321, 336, 1024, 1280, 1296, 2048, 2064, 4112, 0, -320, 320.0])
pictures = st.sampled_from(
    [photo(320, 320), photo(320, 320), jpeg(336, 320), saved(Pillow.new("RGBA", (320, 330), "red")), photo(319, 400),
     photo(1281, 320), photo(1280, 320), saved(Pillow.new("L", (4097, 1025))), BAD["GIF"], BAD["WebP"]]
)  # fmt: skip
masks = st.sampled_from([*(mask(320, 320, mode) for mode in ("1", "L", "P", "RGB")), mask(320, 336), photo(320, 320)])


@given(texts, any_settings, _sides, _sides)
@settings(bounded, max_examples=100)
def test_text_to_image(sizing: Any, text: Any, more: Any, width: Any, height: Any) -> None:
    """Words, settings and sizes around every bound; a side may be left out."""
    compare(TextToImage(text=text, width=width, height=height, **more), sizing)


@given(st.data())
@painted
def test_guided_pictures(service: Any, data: st.DataObject) -> None:
    """A style, a picture to follow, and how closely."""
    draw = data.draw
    condition = draw(maybe(pictures))
    task = TextToImage(
        text=draw(texts),
        width=320,
        height=320,
        style=draw(maybe(st.sampled_from(["MAXIMALISM", "CUBISM"]))),
        condition_image=image(condition) if condition is not None else None,
        control_mode=draw(maybe(st.sampled_from(["CANNY_EDGE", "SEGMENTATION", "SKETCHY"]))),
        control_strength=draw(maybe(st.sampled_from([0, 1, 0.7, -0.01, 1.01]))),
    )
    compare(task, service)


@given(st.sampled_from([Inpainting, Outpainting]), st.data())
@painted
def test_masked_edits(service: Any, kind: Any, data: st.DataObject) -> None:
    """Pictures, masks of both kinds, one, none and both, with and without text, and any size beside them."""
    draw = data.draw
    more = draw(any_settings) | {"text": draw(maybe(texts)), "negative_text": draw(maybe(texts))}
    if kind is Outpainting:
        more["outpainting_mode"] = draw(maybe(st.sampled_from(["DEFAULT", "PRECISE", "precise"])))
    more["width"], more["height"] = draw(st.sampled_from([(None, None), (320, 320), (17, 99_999)]))
    prompt, hole = draw(maybe(texts)), draw(maybe(masks))
    given_mask = image(hole) if hole is not None else None
    compare(kind(image=image(draw(pictures)), mask_prompt=prompt, mask_image=given_mask, **more), service)


@given(st.lists(pictures, max_size=6), maybe(st.floats(0.1, 1.1)), maybe(texts), any_settings)
@painted
def test_variations(service: Any, many: Any, strength: Any, text: Any, more: Any) -> None:
    """Any number of pictures, and strengths around both bounds."""
    images = tuple(image(data)[0] for data in many)
    more |= {"width": 320, "height": 320}
    compare(ImageVariation(images=images, similarity_strength=strength, text=text, **more), service)


_colors = st.lists(st.sampled_from(["#ff0000", "#00FF00", "#12345", "#12345g"]), max_size=11)


@given(texts, _colors, maybe(pictures))
@painted
def test_color_guided(service: Any, text: Any, colors: Any, reference: Any) -> None:
    """Up to ten colors, with and without a picture."""
    reference_image = image(reference) if reference is not None else None
    task = ColorGuided(text=text, colors=colors, reference_image=reference_image, width=320, height=320)
    compare(task, service)


@given(pictures)
@settings(bounded, max_examples=20)
def test_background_removal(service: Any, data: bytes) -> None:
    """Each kind of picture."""
    compare(BackgroundRemoval(image=image(data)), service)
