"""Stability AI's services that grow, color, draw after and restyle pictures: what each refuses, and what it shows."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from client import distance, encoded, pixels
from pictures import photo, saved
from PIL import Image, ImageDraw
from stability_client import (
    CONSERVATIVE,
    CREATIVE,
    FAST,
    GUIDE,
    OUTPAINT,
    RECOLOR,
    SERVICES,
    SKETCH,
    STRUCTURE,
    TRANSFER,
)

if TYPE_CHECKING:
    from client import Pixels
    from stability_client import Stability

    from airflow_titan.emulator import Emulator

PHOTO = photo(160, 120)
BEFORE = pixels(PHOTO)
MARGINS = ("left", "right", "up", "down")
#: What each service needs beside its picture.
REST: dict[str, dict[str, Any]] = {
    RECOLOR: {"prompt": "a blue cup", "select_prompt": "cup"},
    OUTPAINT: {"left": 16},
    STRUCTURE: {"prompt": "a sea"},
    SKETCH: {"prompt": "a sea"},
    GUIDE: {"prompt": "a sea"},
    CONSERVATIVE: {"prompt": "a sea", "output_format": "jpeg"},
    CREATIVE: {"prompt": "a sea", "output_format": "jpeg"},
    FAST: {},
}


def plain(width: int, height: int, color: Any = (90, 140, 60)) -> str:
    """Give a picture of one color."""
    return encoded(saved(Image.new("RGB", (width, height), color)))


def size(data: bytes) -> tuple[int, int]:
    """Give a file's size in pixels."""
    with Image.open(BytesIO(data)) as image:
        return image.size


def reduced(data: bytes) -> Pixels:
    """Give the pixels of a picture made as large as the photo."""
    smaller = Image.open(BytesIO(data)).convert("RGB").resize((160, 120), Image.Resampling.BOX)
    return np.asarray(smaller, np.int16)


def bar() -> bytes:
    """Draw a picture of two halves."""
    image = Image.new("RGB", (160, 120), (235, 235, 230))
    image.paste((40, 40, 60), (0, 0, 80, 120))
    return saved(image)


# --- growing ---


@pytest.mark.parametrize(("width", "height"), [(160, 120), (32, 32), (33, 61)])
def test_a_fast_upscale_is_exactly_four_times_larger(stability: Stability, width: int, height: int) -> None:
    """Each side is."""
    assert size(stability.image(FAST, image=encoded(photo(width, height)))) == (4 * width, 4 * height)


@pytest.mark.parametrize(("model", "most"), [(FAST, 2.0), (CONSERVATIVE, 2.0), (CREATIVE, 25.0)])
def test_an_upscale_keeps_the_scene(stability: Stability, model: str, most: float) -> None:
    """Made small again, it is the picture that it was made of; the creative one takes liberties."""
    assert distance(reduced(stability.image(model, image=encoded(PHOTO), **REST[model])), BEFORE) < most


@pytest.mark.parametrize(("model", "side"), [(CONSERVATIVE, 3112), (CREATIVE, 3150)])
def test_a_square_becomes_a_square_of_a_certain_size(stability: Stability, model: str, side: int) -> None:
    """As large as was seen, however small it was."""
    assert size(stability.image(model, image=plain(64, 64), **REST[model])) == (side, side)


@pytest.mark.parametrize("model", [CONSERVATIVE, CREATIVE])
def test_an_upscale_keeps_the_ratio(stability: Stability, model: str) -> None:
    """And has as many pixels as that of a square."""
    width, height = size(stability.image(model, image=plain(160, 64), **REST[model]))
    assert width / height == pytest.approx(2.5, rel=0.001)
    assert 9_600_000 < width * height < 10_000_000


def test_creativity_takes_an_upscale_away_from_its_picture(stability: Stability) -> None:
    """More of it, further away."""
    ask = REST[CREATIVE] | {"image": encoded(PHOTO), "seed": 3}
    low, high = (reduced(stability.image(CREATIVE, creativity=value, **ask)) for value in (0.1, 0.5))
    assert distance(low, BEFORE) < distance(high, BEFORE)


@pytest.mark.parametrize(
    ("model", "width", "height", "said"),
    [
        (FAST, 31, 64, "must have at least 32"),
        (FAST, 64, 31, "must have at least 32"),
        (FAST, 1537, 64, "may have at most 1536"),
        (FAST, 64, 1537, "may have at most 1536"),
        (FAST, 1025, 1024, "at most 1048576 are allowed"),
        (CREATIVE, 63, 80, "must have at least 64"),
        (CREATIVE, 1025, 1024, "at most 1048576 are allowed"),
        (CONSERVATIVE, 63, 80, "must have at least 64"),
        (CONSERVATIVE, 161, 64, "at most 2.5 times the shorter one"),
        (CONSERVATIVE, 3073, 3072, "at most 9437184 are allowed"),
        (OUTPAINT, 161, 64, "at most 2.5 times the shorter one"),
        (RECOLOR, 63, 80, "must have at least 64"),
        (STRUCTURE, 4000, 2400, "at most 9437184 are allowed"),
    ],
)
def test_a_picture_beyond_a_services_limits_is_refused(
    stability: Stability, model: str, width: int, height: int, said: str
) -> None:
    """One pixel more or less is one too many."""
    refusal = stability.refused(model, image=plain(width, height), **REST[model])
    assert refusal.startswith(f"Invalid image in #/image: the image is {width} x {height} pixels")
    assert said in refusal


@pytest.mark.parametrize(("model", "width", "height"), [(FAST, 1536, 32), (CREATIVE, 640, 64)])
def test_the_limits_themselves_are_permitted(stability: Stability, model: str, width: int, height: int) -> None:
    """Nothing is documented of the ratio of what these two enlarge."""
    assert stability.image(model, image=plain(width, height), **REST[model])


def test_an_answer_has_16_million_bytes_at_most(stability: Stability, emulator: Emulator) -> None:
    """A large PNG is too much, in the words seen from the service; JPEG is not. The work was done in both cases."""
    image = plain(688, 688)
    said = stability.refused(FAST, image=image)
    assert said.startswith("Response payload size ")
    assert "exceeds the maximum allowed size" in said
    assert size(stability.image(FAST, image=image, output_format="jpeg")) == (2752, 2752)
    assert [(call.status, call.images, call.billed) for call in emulator.calls] == [(400, 0, True), (200, 1, True)]


# --- new surroundings ---


@pytest.mark.parametrize(
    "margins", [{"left": 30, "up": 7}, {"right": 2000}, {"left": 5, "right": 6, "up": 7, "down": 8}]
)
def test_outpainting_grows_the_canvas_by_its_margins(stability: Stability, margins: dict[str, int]) -> None:
    """A margin that is left out is none."""
    left, right, up, down = (margins.get(side, 0) for side in MARGINS)
    image = stability.image(OUTPAINT, image=encoded(PHOTO), output_format="jpeg", **margins)
    assert size(image) == (160 + left + right, 120 + up + down)


def test_outpainting_nearly_keeps_its_middle(stability: Stability) -> None:
    """Some pixels are off by one: who needs them as they were has to put them back."""
    after = stability.pixels(OUTPAINT, image=encoded(PHOTO), left=30, up=20, right=10, prompt="a sea")
    change = np.abs(after[20:, 30:190] - BEFORE)
    assert change.max() == 1
    assert 0.02 < (change > 0).any(axis=2).mean() < 0.2


def test_outpainting_paints_what_is_around(stability: Stability) -> None:
    """Nothing there is left blank, and the prompt shows."""
    ask = {"image": encoded(PHOTO), "left": 60, "seed": 3}
    sea, night = (stability.pixels(OUTPAINT, prompt=text, **ask)[:, :60] for text in ("a sea", "a red night"))
    assert min(sea.std(), night.std()) > 5
    assert distance(sea, night) > 5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "#: no subschema matched out of the total 4 subschemas"),
        (dict.fromkeys(MARGINS, 0), "#: no subschema matched out of the total 4 subschemas"),
        ({"left": 2001}, "#/left: 2001 is not less or equal to 2000"),
        ({"left": 1, "down": -1}, "#/down: -1 is not greater or equal to 0"),
        ({"left": 1.5}, "#/left: expected type: Integer, found: BigDecimal"),
        ({"left": 1, "mask": plain(160, 120)}, "#: extraneous key [mask] is not permitted"),
        ({"left": 1, "negative_prompt": "fog"}, "#: extraneous key [negative_prompt] is not permitted"),
    ],
)
def test_outpainting_needs_a_margin_and_takes_no_mask(stability: Stability, body: dict[str, Any], said: str) -> None:
    """One side at least has to grow."""
    assert stability.refused(OUTPAINT, image=encoded(PHOTO), **body) == said


# --- another color ---


@pytest.mark.parametrize(("words", "channel"), [("a bright red jacket", 0), ("green", 1), ("#1020F0", 2)])
def test_recoloring_gives_the_color_that_is_named(stability: Stability, words: str, channel: int) -> None:
    """To the part that is sought, and to nothing else."""
    after = stability.pixels(RECOLOR, image=encoded(PHOTO), select_prompt="jacket", prompt=words, grow_mask=0)
    changed = (after != BEFORE).any(axis=2)
    assert 0.08 < changed.mean() < 0.3
    assert int(after[changed].mean(axis=0).argmax()) == channel


def test_recoloring_keeps_forms(stability: Stability) -> None:
    """What was brighter still is."""
    after = stability.pixels(RECOLOR, image=encoded(bar()), select_prompt="door", prompt="blue", grow_mask=0)
    changed = (after != pixels(bar())).any(axis=2)
    left, right = after[:, :80][changed[:, :80]], after[:, 80:][changed[:, 80:]]
    assert right.mean() > left.mean() + 40


def test_a_flagged_search_is_stopped(stability: Stability) -> None:
    """As every other text is."""
    answer = stability.answer(RECOLOR, image=encoded(PHOTO), prompt="blue", select_prompt="a flagged thing")
    assert answer == {"finish_reasons": ["Filter reason: prompt"]}


# --- after another picture ---


@pytest.mark.parametrize("model", [STRUCTURE, SKETCH])
def test_a_control_picture_sets_the_size(stability: Stability, model: str) -> None:
    """And without any strength, nothing else."""
    ask = {"prompt": "a sea", "control_strength": 0, "seed": 3}
    one, other = (stability.pixels(model, image=image, **ask) for image in (encoded(PHOTO), plain(160, 120)))
    assert one.shape == (120, 160, 3)
    assert np.array_equal(one, other)


def test_structure_follows_edges(stability: Stability) -> None:
    """A line is darker than what is around it, and the stronger the control, the more so."""
    ask = {"prompt": "a sunny sea", "image": encoded(bar()), "seed": 3}
    depths = []
    for strength in (0, 0.5, 1):
        columns = stability.pixels(STRUCTURE, control_strength=strength, **ask).mean(axis=(0, 2))
        depths.append(columns[82:90].mean() - columns[79:81].mean())
    assert depths == sorted(depths)
    assert depths[2] > depths[0] + 30


@pytest.mark.parametrize(("ground", "ink"), [("white", "black"), ("black", "white")])
def test_a_sketch_is_drawn_along_its_lines(stability: Stability, ground: str, ink: str) -> None:
    """Dark lines on a bright ground, or the other way round."""
    drawing = Image.new("RGB", (160, 120), ground)
    ImageDraw.Draw(drawing).line((20, 30, 140, 30), fill=ink, width=3)
    after = stability.pixels(SKETCH, prompt="a sunny sea", image=encoded(saved(drawing)), control_strength=1, seed=3)
    rows = after[:, 20:140].mean(axis=(1, 2))
    assert rows[30] < min(rows[22], rows[38]) - 60


@pytest.mark.parametrize(("ratio", "shape"), [(None, (1024, 1024)), ("9:21", (640, 1536))])
def test_a_style_guide_has_the_ratio_asked_for(stability: Stability, ratio: str | None, shape: tuple[int, int]) -> None:
    """Its picture's own counts for nothing."""
    more = {"aspect_ratio": ratio} if ratio else {}
    assert size(stability.image(GUIDE, image=encoded(PHOTO), prompt="a sea", **more)) == shape


def test_a_style_guide_takes_colors(stability: Stability) -> None:
    """The more fidelity, the nearer; without any, the picture counts for nothing."""
    ask = {"prompt": "a sea", "seed": 3}
    red, blue = (plain(64, 64, color) for color in ((200, 30, 20), (20, 30, 200)))
    assert stability.image(GUIDE, image=red, fidelity=0, **ask) == stability.image(GUIDE, image=blue, fidelity=0, **ask)
    away = [
        distance(stability.pixels(GUIDE, image=red, fidelity=value, **ask), np.array([200, 30, 20], np.int16))
        for value in (0.2, 0.5, 1)
    ]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 3


def test_a_style_is_transferred(stability: Stability) -> None:
    """The composition of the one picture in the colors of the other."""
    style = Image.new("RGB", (64, 64), (30, 10, 90))
    style.paste((250, 200, 40), (0, 32, 64, 64))
    after = stability.pixels(
        TRANSFER, init_image=encoded(bar()), style_image=encoded(saved(style)), change_strength=1, seed=3
    )
    assert distance(after[10:110, 5:70].mean(axis=(0, 1)), np.array([30, 10, 90])) < 25
    assert distance(after[10:110, 90:155].mean(axis=(0, 1)), np.array([250, 200, 40])) < 25


def test_a_style_without_strength_changes_nothing(stability: Stability) -> None:
    """As the page says."""
    after = stability.pixels(TRANSFER, init_image=encoded(PHOTO), style_image=plain(64, 64), style_strength=0)
    assert np.array_equal(after, BEFORE)


def test_less_of_a_composition_is_kept(stability: Stability) -> None:
    """The less fidelity to it, the further away."""
    ask = {"init_image": encoded(PHOTO), "style_image": encoded(PHOTO), "prompt": "a sea", "seed": 3}
    away = [distance(stability.pixels(TRANSFER, composition_fidelity=value, **ask), BEFORE) for value in (1, 0.5, 0)]
    assert away == sorted(away)
    assert away[2] > away[0] + 5


# --- all of them ---

RANGES = [
    (CONSERVATIVE, "creativity", 0.1, 0.5),
    (CREATIVE, "creativity", 0.1, 0.5),
    (OUTPAINT, "creativity", 0.1, 1.0),
    (STRUCTURE, "control_strength", 0, 1),
    (SKETCH, "control_strength", 0, 1),
    (GUIDE, "fidelity", 0, 1),
    (TRANSFER, "composition_fidelity", 0, 1),
    (TRANSFER, "style_strength", 0, 1),
    (TRANSFER, "change_strength", 0.1, 1),
]


@pytest.mark.parametrize(("model", "key", "least", "most"), RANGES)
def test_what_lies_beyond_a_range_is_refused(
    stability: Stability, model: str, key: str, least: float, most: float
) -> None:
    """The message has the value and the limit."""
    image = encoded(PHOTO)
    body = REST.get(model, {}) | (
        {"init_image": image, "style_image": image} if model == TRANSFER else {"image": image}
    )
    for value, limit in ((least - 0.01, f"greater or equal to {least}"), (most + 0.01, f"less or equal to {most}")):
        assert stability.refused(model, **body | {key: value}) == f"#/{key}: {value} is not {limit}"


@pytest.mark.parametrize(
    ("model", "key"),
    [(FAST, "prompt"), (FAST, "seed"), (CONSERVATIVE, "style_preset"), (TRANSFER, "style_preset"), (RECOLOR, "mask"),
     (STRUCTURE, "aspect_ratio"), (GUIDE, "control_strength"), (CREATIVE, "numberOfImages")],
)  # fmt: skip
def test_what_a_service_has_no_use_for_is_refused(stability: Stability, model: str, key: str) -> None:
    """Each has fields of its own."""
    image = encoded(PHOTO)
    body = REST.get(model, {}) | (
        {"init_image": image, "style_image": image} if model == TRANSFER else {"image": image}
    )
    assert stability.refused(model, **body | {key: "anime"}) == f"#: extraneous key [{key}] is not permitted"


@pytest.mark.parametrize("model", [RECOLOR, OUTPAINT, STRUCTURE, SKETCH, TRANSFER])
def test_equal_seeds_give_equal_pictures(stability: Stability, model: str) -> None:
    """And others another one."""
    image = encoded(PHOTO)
    body = REST.get(model, {"prompt": "a sea"}) | (
        {"init_image": image, "style_image": image} if model == TRANSFER else {"image": image}
    )
    one, again, other = (stability.image(model, **body, seed=seed) for seed in (7, 7, 8))
    assert one == again != other


@pytest.mark.parametrize("model", [RECOLOR, OUTPAINT, STRUCTURE, SKETCH])
def test_a_preset_is_seen(stability: Stability, model: str) -> None:
    """The picture differs from one without."""
    ask = REST[model] | {"image": encoded(PHOTO), "seed": 3}
    assert stability.image(model, style_preset="pixel-art", **ask) != stability.image(model, **ask)


@pytest.mark.parametrize("model", [RECOLOR, OUTPAINT, STRUCTURE, SKETCH, FAST])
def test_transparent_pixels_are_taken(stability: Stability, model: str) -> None:
    """An upscale keeps them."""
    clear = Image.new("RGBA", (80, 64), (10, 20, 30, 0))
    image = Image.open(BytesIO(stability.image(model, image=encoded(saved(clear)), **REST[model])))
    assert image.mode == ("RGBA" if model == FAST else "RGB")


def test_the_pictures_of_a_transfer_are_not_in_the_record(stability: Stability, emulator: Emulator) -> None:
    """However small they are."""
    stability.image(TRANSFER, init_image=encoded(PHOTO), style_image=plain(64, 64))
    body = emulator.calls[0].body
    assert [key for key, value in body.items() if value.startswith("<base64 ")] == ["init_image", "style_image"]


def test_there_are_thirteen_services() -> None:
    """Beside the three models that only generate."""
    assert len(set(SERVICES)) == 13
    assert math.prod(name.startswith("us.stability.") for name in SERVICES)
