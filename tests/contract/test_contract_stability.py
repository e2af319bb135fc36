"""
Our check and the emulator come to the same verdict on Stability AI's models, as on Titan and Nova Canvas beside this.

A task is in Titan's words. Where our check refuses one, it is sent as somebody who knows Stability AI's own words would
write it, to the model that does such a thing. Known differences, in which our check is the stricter one, beside those
on Titan, and why:

=======================================  ==============================================================================
WebP files                               the rest of the package reads JPEG and PNG
transparent pixels in a picture          to the services they are a mask; to Titan, in whose words a task is, a slip
grays, alpha and other sizes in a mask   they mean something here, and nothing in Titan's words
no mask at all                           the services take the picture's transparency for one; a template found nothing
the largest seed of Core and Ultra       they take one more than the others; a task may go to any of them
a number of images                       the services have none: our check bounds it as Titan does, for one call each
=======================================  ==============================================================================

And one in which it is the milder one: a variation without a text is sent with one of ours, since the models want some.
How large a picture Stable Diffusion 3.5 takes is documented nowhere; the emulator ends at 16 megapixels.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from contracted import agree, base64_of, bounded, image, maybe, sender
from contracted import texts as up_to
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import BAD, jpeg, mask, photo, saved
from PIL import Image as Pillow

from airflow_titan.emulator import running
from airflow_titan.models.tasks import (
    BackgroundRemoval,
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

CORE, ULTRA, SD35 = (
    "stability.stable-image-core-v1:1",
    "stability.stable-image-ultra-v1:1",
    "stability.sd3-5-large-v1:0",
)
_EDIT = "us.stability.stable-image-{}-v1:0"
INPAINT, ERASE = _EDIT.format("inpaint"), _EDIT.format("erase-object")
REPLACE, CUT = _EDIT.format("search-replace"), _EDIT.format("remove-background")
painted = settings(bounded, max_examples=60)
_NAMES = {
    "text": "prompt", "negative_text": "negative_prompt", "image": "image", "mask_prompt": "search_prompt",
    "mask_image": "mask", "seed": "seed",
}  # fmt: skip


@pytest.fixture
def service(emulator: Emulator) -> Service:
    """Give a function that sends a body, and says why it was refused."""
    return sender(emulator.url, "us-west-2")


@pytest.fixture(scope="module")
def ready() -> Iterator[Service]:
    """Give such a function whose pictures lie ready: a text alone is a large one."""
    with running(canned=True) as emulator:
        yield sender(emulator.url, "us-west-2")


def in_stabilitys_words(task: Task, model: str) -> tuple[str, bytes]:
    """Write what a user gave as a body of the model that does it, with nothing put right: not by our own encoding."""
    body: dict[str, Any] = {}
    for name, wire in _NAMES.items():
        value = getattr(task, name, None)
        if value is not None:
            body[wire] = base64_of(value)[0] if isinstance(value, tuple) else value
    if isinstance(task, ImageVariation):
        images = base64_of(task.images)
        body |= {"mode": "image-to-image"} | ({"image": images[0]} if len(images) == 1 else {"images": images})
        if task.similarity_strength is not None:
            body["strength"] = 1 - task.similarity_strength
        model = SD35
    elif isinstance(task, BackgroundRemoval):
        model = CUT
    elif isinstance(task, Inpainting) and "search_prompt" in body:
        model = REPLACE
    elif isinstance(task, Inpainting | Outpainting):
        model = ERASE if isinstance(task, Inpainting) and "prompt" not in body else INPAINT
    return model, json.dumps(body).encode()


def compare(task: Task, model: str, service: Service) -> None:
    """Compare the two verdicts."""
    agree(task, model, service, in_stabilitys_words(task, model))


texts = up_to(10_000)
seeds = maybe(st.sampled_from([0, 1, 4_294_967_294, -1, 4_294_967_296, 1.5, 7.0, True]))
counts = maybe(st.sampled_from([1, 2]))
_sound = [
    photo(80, 64),
    photo(64, 80),
    jpeg(64, 64),
    saved(Pillow.new("L", (160, 64))),
    saved(Pillow.new("P", (64, 64))),
]
_odd = [photo(63, 64), photo(161, 64), photo(64, 161), BAD["GIF"], BAD["16 bits a channel"], BAD["empty"]]
pictures = st.sampled_from([*_sound, *_sound, *_odd])
generating = st.sampled_from([CORE, ULTRA, SD35])


_words = st.fixed_dictionaries(
    {"text": maybe(texts), "negative_text": maybe(texts), "seed": seeds, "number_of_images": counts}
)


@given(generating, _words)
@settings(bounded, max_examples=60)
def test_text_to_image(ready: Any, model: str, words: Any) -> None:
    """Words and seeds around every bound."""
    compare(TextToImage(**words), model, ready)


@given(st.data())
@painted
def test_masked_edits(service: Any, data: st.DataObject) -> None:
    """Pictures, masks of both kinds, one and both, with and without text."""
    draw = data.draw
    data_of_image = draw(pictures)
    kind = draw(st.sampled_from(["drawn", "said", "both"]))
    hole = image(mask(80, 64)) if kind != "said" else None
    task = Inpainting(
        image=image(photo(80, 64) if hole else data_of_image),
        mask_image=hole,
        mask_prompt=draw(texts) if kind != "drawn" else None,
        **draw(_words),
    )
    compare(task, SD35, service)


@given(st.sampled_from([(80, 64), (160, 64), (161, 64), (63, 64), (64, 161)]), _words, st.booleans())
@painted
def test_outpainting(service: Any, size: tuple[int, int], words: Any, precise: Any) -> None:
    """A mask with two parts, so that no rectangle could stand for it."""
    drawn = Pillow.new("L", size, 255)
    for box in ((4, 4, 20, 20), (30, 30, 50, 44)):
        drawn.paste(0, box)
    mode = "PRECISE" if precise else "DEFAULT"
    compare(
        Outpainting(image=image(photo(*size)), mask_image=image(saved(drawn)), outpainting_mode=mode, **words),
        SD35,
        service,
    )


@given(st.lists(pictures, max_size=2), maybe(st.floats(-0.1, 1.1)), maybe(texts), seeds)
@painted
def test_variations(service: Any, many: Any, strength: Any, text: Any, seed: Any) -> None:
    """One picture, none and two; strengths around both bounds."""
    images = tuple(image(data)[0] for data in many)
    compare(ImageVariation(images=images, similarity_strength=strength, text=text, seed=seed), SD35, service)


@given(pictures)
@settings(bounded, max_examples=20)
def test_background_removal(service: Any, data: bytes) -> None:
    """Each kind of picture."""
    compare(BackgroundRemoval(image=image(data)), SD35, service)
