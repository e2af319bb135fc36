"""
Our check and the emulator come to the same verdict on what Stability AI's services do, as on its models beside this.

Where our check refuses a task, it is sent to the service for such a thing, as somebody who knows its words would write
it. Known differences, in which our check is the stricter one, beside those of the file beside this, and why:

=======================================  ==============================================================================
a PNG of the creative upscaler           it was never seen to fit into an answer, and would be lost after it was paid
a narrow picture to upscale creatively   no ratio is documented there; our check holds it to that of its sisters
an outpainting without a text            the service does without; Titan, in whose words a task is, doesn't
no margin at all, or another mask        the service takes margins alone: such a task goes to inpaint
no colors                                the service has none; without them it is another task
the last 100 characters of a text        where colors come with it, they are told behind it, in the same prompt
=======================================  ==============================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from contracted import agree, base64_of, bounded, image, maybe, sender
from contracted import texts as up_to
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import BAD, jpeg, photo, saved
from PIL import Image as Pillow
from stability_client import (
    CONSERVATIVE,
    CREATIVE,
    FAST,
    GUIDE,
    INPAINT,
    OUTPAINT,
    RECOLOR,
    SD35,
    SKETCH,
    STRUCTURE,
    TRANSFER,
)

from airflow_titan.emulator import running
from airflow_titan.models.tasks import ColorGuided, Outpainting, Recolor, StyleTransfer, Task, TextToImage, Upscale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracted import Service

    from airflow_titan.emulator import Emulator

brief = settings(bounded, max_examples=60)
_NAMES = {
    "text": "prompt", "negative_text": "negative_prompt", "image": "image", "condition_image": "image",
    "reference_image": "image", "mask_prompt": "select_prompt", "style": "style_preset", "seed": "seed",
    "control_strength": "control_strength", "creativity": "creativity", "output_format": "output_format",
    "style_image": "style_image", "composition_fidelity": "composition_fidelity", "style_strength": "style_strength",
    "change_strength": "change_strength",
}  # fmt: skip


@pytest.fixture
def service(emulator: Emulator) -> Service:
    """Give a function that sends a body, and says why it was refused."""
    return sender(emulator.url, "us-west-2")


def compare(task: Task, model: str, service: Service, more: dict[str, Any] | None = None) -> None:
    """
    Compare the two verdicts.

    :param model: the service that does such a thing
    :param more: keys of the body for what the task says otherwise; ``None`` for one that has another name there
    """
    body: dict[str, Any] = {}
    for name, wire in _NAMES.items():
        value = getattr(task, name, None)
        if value is not None:
            body[wire] = base64_of(value)[0] if isinstance(value, tuple) else value
    body = {name: value for name, value in (body | (more or {})).items() if value is not None}
    agree(task, SD35, service, (model, json.dumps(body).encode()))


def number(lowest: float, highest: float) -> st.SearchStrategy[Any]:
    """Give numbers around both bounds, or none."""
    return maybe(st.sampled_from([lowest, highest, lowest - 0.01, highest + 0.01, (lowest + highest) / 2]))


texts = up_to(10_000)
seeds = maybe(st.sampled_from([0, 1, 4_294_967_294, -1, 4_294_967_296, 1.5]))
_sound = [photo(80, 64), jpeg(64, 64), saved(Pillow.new("L", (160, 64))), saved(Pillow.new("P", (64, 64)))]
_odd = [photo(63, 64), photo(161, 64), photo(64, 161), BAD["GIF"], BAD["16 bits a channel"], BAD["empty"]]
pictures = st.sampled_from([*_sound, *_sound, *_odd])
styles = maybe(st.sampled_from(["anime", "tile-texture", "photographic"]))
_words = {"text": maybe(texts), "negative_text": maybe(texts), "seed": seeds}
_control = st.fixed_dictionaries(
    {"control_mode": st.sampled_from([None, "CANNY_EDGE", "SEGMENTATION", "SKETCH"]), "control_strength": number(0, 1),
     "style": styles, **_words}
)  # fmt: skip


@given(pictures, _control)
@brief
def test_control(service: Any, data: bytes, words: Any) -> None:
    """A picture to follow by its structure, or as a sketch."""
    model = SKETCH if words["control_mode"] == "SKETCH" else STRUCTURE
    compare(TextToImage(condition_image=image(data), **words), model, service)


@given(pictures, maybe(up_to(9_900)), maybe(texts), seeds)
@settings(bounded, max_examples=40)
def test_a_guiding_style(service: Any, data: bytes, text: Any, negative: Any, seed: Any) -> None:
    """A reference image guides, beside colors that are named in the prompt."""
    task = ColorGuided(text=text, negative_text=negative, seed=seed, colors=["#ff0000"], reference_image=image(data))
    # as long as it would be with the colors behind it
    prompt = None if text is None else f"{text} {'c' * 99}"
    compare(task, GUIDE, service, {"prompt": prompt})


_margins = st.fixed_dictionaries({side: st.sampled_from([0, 1, 30]) for side in ("left", "right", "up", "down")})
_kept = st.sampled_from([(64, 64), (160, 64), (64, 100)])


@given(_margins.filter(lambda margins: any(margins.values())), _kept, st.fixed_dictionaries({**_words, "text": texts}))
@brief
def test_outpainting_of_a_rectangle(service: Any, margins: Any, kept: tuple[int, int], words: Any) -> None:
    """The picture on its canvas, with margins on some sides; with words of what not to show, inpaint does it."""
    left, up = margins["left"], margins["up"]
    size = kept[0] + left + margins["right"], kept[1] + up + margins["down"]
    hole = Pillow.new("L", size, 255)
    hole.paste(0, (left, up, left + kept[0], up + kept[1]))
    picture, mask = image(photo(*size)), image(saved(hole))
    task = Outpainting(image=picture, mask_image=mask, **words)
    alone = {"image": base64_of(image(photo(*kept)))[0], **margins}
    told = {"image": base64_of(picture)[0], "mask": base64_of(mask)[0]}
    compare(task, *((OUTPAINT, service, alone) if task.negative_text is None else (INPAINT, service, told)))


@given(pictures, st.fixed_dictionaries({"mask_prompt": maybe(texts), "style": styles, **_words}))
@brief
def test_recoloring(service: Any, data: bytes, words: Any) -> None:
    """What, and into which color."""
    compare(Recolor(image=image(data), **words), RECOLOR, service)


_strengths = {
    "composition_fidelity": number(0, 1), "style_strength": number(0, 1), "change_strength": number(0.1, 1),
}  # fmt: skip


@given(pictures, maybe(pictures), st.fixed_dictionaries({**_strengths, **_words}))
@brief
def test_style_transfer(service: Any, data: bytes, style: Any, words: Any) -> None:
    """Two pictures, and how much each counts."""
    other = image(style) if style is not None else None
    task = StyleTransfer(image=image(data), style_image=other, **words)
    compare(task, TRANSFER, service, {"image": None, "init_image": base64_of(task.image)[0]})


@pytest.fixture(scope="module")
def ready() -> Iterator[Service]:
    """Give such a function whose pictures lie ready, as those of two upscalers are large."""
    with running(canned=True) as emulator:
        yield sender(emulator.url, "us-west-2")


_small = [photo(32, 32), photo(31, 33), photo(96, 32), jpeg(64, 48), photo(80, 64), BAD["GIF"], BAD["empty"]]
_formats = ["png", "jpeg", "webp", "gif"]


@given(
    st.sampled_from(_small),
    st.fixed_dictionaries(
        {
            "creativity": maybe(st.just(0.3)),
            "output_format": maybe(st.sampled_from(_formats)),
            "text": maybe(texts),
            "seed": maybe(st.just(3)),
        }
    ),
)
@brief
def test_fast_upscaling(service: Any, data: bytes, words: Any) -> None:
    """It takes small pictures, and no words."""
    compare(Upscale(image=image(data), **words), FAST, service)


_upscale = {"creativity": number(0.1, 0.5), "style": styles, "output_format": maybe(st.sampled_from(_formats[1:]))}


@given(st.sampled_from(["conservative", "creative"]), st.fixed_dictionaries({**_upscale, **_words}))
@brief
def test_upscaling_by_words(ready: Any, mode: str, words: Any) -> None:
    """They want a prompt; the creative one alone a style."""
    model = CONSERVATIVE if mode == "conservative" else CREATIVE
    compare(Upscale(image=image(photo(80, 64)), mode=mode, **words), model, ready)


_LARGE = {size: saved(Pillow.new("L", size)) for size in [(1537, 32), (1025, 1024), (3073, 3072)]}


@pytest.mark.parametrize(
    ("mode", "model", "sizes"),
    [("fast", FAST, 3), ("conservative", CONSERVATIVE, 1), ("creative", CREATIVE, 2)],
)
def test_pictures_to_upscale(mode: str, model: str, sizes: int, service: Any) -> None:
    """Each kind of odd picture, and one above each bound of the upscaler."""
    for data in [*_odd[-3:], *list(_LARGE.values())[-sizes:]]:
        text = None if mode == "fast" else "a boat"
        compare(Upscale(image=image(data), mode=mode, text=text), model, service)
