"""Stability AI's models: one image a call, white masks, and reasons instead of errors."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from client import distance, encoded, pixels
from pictures import BAD, photo, saved
from PIL import Image
from stability_client import CORE, CUT, ERASE, INPAINT, OUTPAINT, REQUIRED, SD35, SEARCH, SERVICES, ULTRA, white

if TYPE_CHECKING:
    from stability_client import Stability

    from airflow_titan.emulator import Emulator

SIZES = {
    "1:1": (1024, 1024), "16:9": (1344, 768), "9:16": (768, 1344), "21:9": (1536, 640), "9:21": (640, 1536),
    "3:2": (1216, 832), "2:3": (832, 1216), "5:4": (1088, 896), "4:5": (896, 1088),
}  # fmt: skip
PHOTO = photo(160, 120)
BEFORE = pixels(PHOTO)
LARGEST = {CORE: 4294967295, ULTRA: 4294967295, SD35: 4294967294, INPAINT: 4294967294}


@pytest.mark.parametrize("ratio", SIZES)
def test_an_aspect_ratio_has_its_size(stability: Stability, ratio: str) -> None:
    """About a megapixel each."""
    width, height = SIZES[ratio]
    assert stability.pixels(CORE, prompt="a sea", aspect_ratio=ratio).shape == (height, width, 3)


@pytest.mark.parametrize("model", [CORE, ULTRA, SD35])
def test_a_prompt_is_enough(stability: Stability, model: str) -> None:
    """The picture is square, and a PNG."""
    with Image.open(BytesIO(stability.image(model, prompt="a red house"))) as image:
        assert (image.format, image.size) == ("PNG", (1024, 1024))


@pytest.mark.parametrize(
    ("model", "formats"), [(CORE, ["jpeg", "png"]), (ULTRA, ["jpeg", "png"]), (SD35, ["jpeg", "png", "webp"])]
)
def test_the_format_asked_for_is_sent(stability: Stability, model: str, formats: list[str]) -> None:
    """Not every model writes WebP."""
    for kind in formats:
        with Image.open(BytesIO(stability.image(model, prompt="a sea", output_format=kind))) as image:
            assert image.format == kind.upper()
    said = stability.refused(model, prompt="a sea", output_format="gif")
    assert said == "#/output_format: gif is not a valid enum value"


def test_equal_seeds_give_equal_pictures(stability: Stability) -> None:
    """The seed used is told."""
    one, two = (stability.answer(SD35, prompt="a sea", seed=7) for _ in range(2))
    assert one == two
    assert one["seeds"] == [7]


@pytest.mark.parametrize("seed", [{}, {"seed": 0}])
def test_without_a_seed_one_is_drawn(stability: Stability, seed: dict[str, int]) -> None:
    """Another one each time; sent back, it gives the same picture."""
    one, two = (stability.answer(CORE, prompt="a sea", **seed) for _ in range(2))
    assert one["images"] != two["images"]
    assert 0 not in one["seeds"]
    assert stability.answer(CORE, prompt="a sea", seed=one["seeds"][0]) == one


@pytest.mark.parametrize("model", LARGEST)
def test_a_seed_has_an_upper_limit(stability: Stability, model: str) -> None:
    """It differs by one between the models."""
    image = {"image": encoded(PHOTO)} if model == INPAINT else {}
    stability.image(model, prompt="a sea", seed=LARGEST[model], **image)
    said = stability.refused(model, prompt="a sea", seed=LARGEST[model] + 1, **image)
    assert said == f"#/seed: {LARGEST[model] + 1} is not less or equal to {LARGEST[model]}"


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_has_at_most_10000_characters(stability: Stability, field: str) -> None:
    """Twenty times what Titan reads."""
    stability.image(CORE, **{"prompt": "a sea", field: "x" * 10000})
    said = stability.refused(CORE, **{"prompt": "a sea", field: "x" * 10001})
    assert said == f"#/{field}: expected maxLength: 10000, actual: 10001"


@pytest.mark.parametrize(
    "key", ["numberOfImages", "cfgScale", "quality", "taskType", "style_preset", "width", "height"]
)
@pytest.mark.parametrize("model", [CORE, ULTRA, SD35])
def test_what_is_not_known_is_refused(stability: Stability, model: str, key: str) -> None:
    """Titan's fields among the rest."""
    assert stability.refused(model, prompt="a sea", **{key: 1}) == f"#: extraneous key [{key}] is not permitted"


@pytest.mark.parametrize("key", ["image", "strength", "mode"])
@pytest.mark.parametrize("model", [CORE, ULTRA])
def test_two_models_make_pictures_of_text_alone(stability: Stability, model: str, key: str) -> None:
    """They take no image, whatever the page on Ultra says."""
    assert stability.refused(model, prompt="a sea", **{key: "x"}) == f"#: extraneous key [{key}] is not permitted"


def test_strength_says_how_far_from_its_image_a_picture_is(stability: Stability) -> None:
    """0 keeps the image, 1 ignores it; the size is the image's."""
    body = {"prompt": "winter night", "mode": "image-to-image", "image": encoded(PHOTO), "seed": 5}
    away = [distance(BEFORE, stability.pixels(SD35, strength=at, **body)) for at in (0, 0.25, 0.5, 0.75, 1)]
    assert away[0] == 0
    assert away == sorted(away)
    other = body | {"image": encoded(saved(Image.new("RGB", (160, 120))))}
    assert stability.image(SD35, strength=1, **other) == stability.image(SD35, strength=1, **body)


def test_an_image_needs_no_mode(stability: Stability) -> None:
    """Amazon's own sample has none."""
    body = {"prompt": "a sea", "image": encoded(PHOTO), "strength": 0.5, "seed": 5}
    assert stability.image(SD35, **body) == stability.image(SD35, mode="image-to-image", **body)


def test_image_to_image_needs_an_image(stability: Stability) -> None:
    """The mode alone is not enough."""
    assert stability.refused(SD35, prompt="a sea", mode="image-to-image") == "#: required key [image] not found"


@pytest.mark.parametrize("size", [(63, 64), (64, 63)])
def test_an_image_has_at_least_64_pixels_a_side(stability: Stability, size: tuple[int, int]) -> None:
    """Both sides."""
    assert "must have at least 64" in stability.refused(SD35, prompt="a sea", image=encoded(photo(*size)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_may_be_of_three_formats(stability: Stability, kind: str) -> None:
    """WebP is one of them."""
    image = encoded(saved(Image.new("RGB", (80, 64), (90, 20, 30)), kind))
    assert stability.pixels(INPAINT, prompt="a sea", image=image).shape == (64, 80, 3)


@pytest.mark.parametrize("kind", ["GIF", "truncated JPEG", "truncated in the pixels", "empty", "several JPEGs"])
def test_what_is_no_whole_picture_is_refused(stability: Stability, kind: str) -> None:
    """As by the other models."""
    assert stability.refused(INPAINT, prompt="a sea", image=encoded(BAD[kind])).startswith("Invalid image in #/image: ")


@pytest.mark.parametrize("cut", [20, 60, 200])
def test_a_webp_that_is_cut_off_is_refused(stability: Stability, cut: int) -> None:
    """Its own header tells how long it should be."""
    whole = saved(Image.radial_gradient("L").convert("RGB"), "WEBP")
    said = stability.refused(INPAINT, prompt="a sea", image=encoded(whole[:cut]))
    assert said == "Invalid image in #/image: the WebP file is cut off."


@pytest.mark.parametrize(
    ("size", "said"),
    [((200, 70), "at most 2.5 times the shorter one"), ((4000, 2400), "at most 9437184 are allowed")],
)
def test_a_service_limits_its_image(stability: Stability, size: tuple[int, int], said: str) -> None:
    """By ratio and number of pixels."""
    assert said in stability.refused(CUT, image=encoded(saved(Image.new("RGB", size))))


def test_white_is_changed_and_black_is_kept(stability: Stability) -> None:
    """To the pixel, when the mask isn't to grow."""
    after = stability.pixels(INPAINT, prompt="a sea", image=encoded(PHOTO), mask=white(60, 100), grow_mask=0)
    assert np.array_equal(after[:, :60], BEFORE[:, :60])
    assert np.array_equal(after[:, 100:], BEFORE[:, 100:])
    assert distance(after[:, 60:100], BEFORE[:, 60:100]) > 10


@pytest.mark.parametrize(("sent", "by"), [({}, 5), ({"grow_mask": 5}, 5), ({"grow_mask": 20}, 20)])
def test_a_mask_grows(stability: Stability, sent: dict[str, int], by: int) -> None:
    """By 5 pixels unless said otherwise; what lies further away stays as it is."""
    after = stability.pixels(INPAINT, prompt="a sea", image=encoded(PHOTO), mask=white(60, 100), **sent)
    changed = np.flatnonzero((after != BEFORE).any(axis=(0, 2)))
    assert 60 - by <= changed.min() < 60
    assert 100 <= changed.max() < 100 + by


def test_a_mask_grows_by_20_pixels_at_most(stability: Stability) -> None:
    """The services' limit."""
    said = stability.refused(INPAINT, prompt="a sea", image=encoded(PHOTO), grow_mask=21)
    assert said == "#/grow_mask: 21 is not less or equal to 20"


def test_grey_changes_in_part(stability: Stability) -> None:
    """Half of what white changes."""
    ask = {"prompt": "a sea", "image": encoded(PHOTO), "grow_mask": 0, "seed": 3}
    full, half = (stability.pixels(INPAINT, mask=white(60, 100, value=value), **ask) for value in (255, 128))
    assert distance(half, BEFORE) == pytest.approx(distance(full, BEFORE) / 2, rel=0.03)


def test_a_mask_of_another_size_is_fitted(stability: Stability) -> None:
    """The service resizes it."""
    ask = {"prompt": "a sea", "image": encoded(PHOTO), "grow_mask": 0}
    after = stability.pixels(INPAINT, mask=white(60, 100, size=(160, 30)), **ask)
    assert np.array_equal(after[:, :58], BEFORE[:, :58])
    assert distance(after[:, 62:98], BEFORE[:, 62:98]) > 10


def transparent() -> str:
    """Give the picture with a transparent band."""
    image = Image.open(BytesIO(PHOTO)).convert("RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (60, 0, 100, 120))
    image.putalpha(alpha)
    return encoded(saved(image))


def test_without_a_mask_transparency_is_changed(stability: Stability) -> None:
    """As if it were white in a mask; the answer has no transparency."""
    ask = {"prompt": "a sea", "grow_mask": 0, "seed": 3}
    masked = stability.image(INPAINT, image=encoded(PHOTO), mask=white(60, 100), **ask)
    assert stability.image(INPAINT, image=transparent(), **ask) == masked


def test_a_mask_counts_more_than_transparency(stability: Stability) -> None:
    """The transparent part then stays."""
    after = stability.pixels(INPAINT, prompt="a sea", image=transparent(), mask=white(0, 20), grow_mask=0)
    assert np.array_equal(after[:, 20:], BEFORE[:, 20:])
    assert distance(after[:, :20], BEFORE[:, :20]) > 5


def test_an_object_is_erased_without_a_text(stability: Stability) -> None:
    """Its surroundings take its place, and the rest is kept."""
    after = stability.pixels(ERASE, image=encoded(PHOTO), mask=white(60, 100), grow_mask=0)
    assert np.array_equal(after[:, :60], BEFORE[:, :60])
    assert (after != BEFORE).any()
    said = stability.refused(ERASE, image=encoded(PHOTO), prompt="a sea")
    assert said == "#: extraneous key [prompt] is not permitted"


def test_what_is_searched_for_is_replaced(stability: Stability) -> None:
    """The words choose the place, always the same; the rest is kept."""
    ask = {"image": encoded(PHOTO), "grow_mask": 0, "seed": 3}
    cup, again = (stability.pixels(SEARCH, search_prompt="cup", prompt=what, **ask) for what in ("a sea", "a boat"))
    boat = stability.pixels(SEARCH, search_prompt="the left boat", prompt="a sea", **ask)
    where = [(after != BEFORE).any(axis=2) for after in (cup, again, boat)]
    assert 0.08 < where[0].mean() < 0.3
    assert (where[0] != where[1]).mean() < 0.02
    assert (where[0] != where[2]).mean() > 0.02


def test_a_background_becomes_transparent(stability: Stability) -> None:
    """The subject stays as it was."""
    image = Image.new("RGB", (120, 90), (240, 240, 238))
    image.paste((180, 40, 60), (40, 20, 80, 70))
    cut = Image.open(BytesIO(stability.image(CUT, image=encoded(saved(image)))))
    assert (cut.mode, cut.size) == ("RGBA", (120, 90))
    assert (cut.getpixel((60, 45)), cut.getpixel((3, 3))) == ((180, 40, 60, 255), (0, 0, 0, 0))


@pytest.mark.parametrize(("kind", "mode", "corner"), [("webp", "RGBA", (0, 0, 0, 0)), ("jpeg", "RGB", (255, 255, 255))])
def test_a_cut_out_has_the_format_asked_for(stability: Stability, kind: str, mode: str, corner: Any) -> None:
    """JPEG knows no transparency and shows white."""
    image = Image.open(BytesIO(stability.image(CUT, image=encoded(PHOTO), output_format=kind)))
    assert (image.format, image.mode, image.getpixel((0, 0))) == (kind.upper(), mode, corner)


@pytest.mark.parametrize("model", REQUIRED)
def test_each_model_has_its_required_keys(stability: Stability, model: str) -> None:
    """None of them has a default."""
    image = encoded(PHOTO)
    body = {"prompt": "a sea", "image": image, "search_prompt": "cup", "select_prompt": "cup"}
    body |= {"init_image": image, "style_image": image}
    margin = {"left": 8} if model == OUTPAINT else {}
    for missing in REQUIRED[model]:
        sent = {key: body[key] for key in REQUIRED[model] if key != missing}
        assert stability.refused(model, **sent, **margin) == f"#: required key [{missing}] not found"


@pytest.mark.parametrize("model", [INPAINT, SEARCH])
def test_a_preset_is_seen(stability: Stability, model: str) -> None:
    """The picture differs from one without; unknown ones are refused."""
    ask = {"prompt": "a sea", "image": encoded(PHOTO), "seed": 3}
    ask |= {"mask": white(60, 100)} if model == INPAINT else {"search_prompt": "cup"}
    assert stability.image(model, style_preset="pixel-art", **ask) != stability.image(model, **ask)
    assert "is not a valid enum value" in stability.refused(model, style_preset="cubism", **ask)


@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "search_prompt"])
def test_a_flagged_text_is_a_success_without_an_image(stability: Stability, emulator: Emulator, field: str) -> None:
    """Status 200, and a reason; nothing is billed."""
    body = {"prompt": "a sea", "image": encoded(PHOTO), "search_prompt": "cup", field: "a flagged thing"}
    assert stability.answer(SEARCH, **body) == {"finish_reasons": ["Filter reason: prompt"]}
    (call,) = emulator.calls
    assert (call.status, call.error_type, call.images, call.billed) == (200, None, 0, False)


@pytest.mark.parametrize("word", ["flagged-output", "flagged-some"])
def test_a_withheld_image_has_a_reason(stability: Stability, emulator: Emulator, word: str) -> None:
    """The one image is all of them."""
    assert stability.answer(CORE, prompt=word) == {"finish_reasons": ["Filter reason: output image"]}
    assert emulator.calls[0].billed


@pytest.mark.parametrize("model", SERVICES)
def test_a_service_answers_to_its_profile_only(stability: Stability, model: str) -> None:
    """The bare id has no on-demand throughput."""
    said = stability.refused(model.removeprefix("us."), image=encoded(PHOTO))
    assert said == (
        f"Invocation of model ID {model.removeprefix('us.')} with on-demand throughput isn\u2019t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model."
    )


@pytest.mark.parametrize("region", ["us-east-1", "us-east-2", "us-west-2"])
def test_a_service_is_offered_in_three_regions(stability: Stability, region: str) -> None:
    """By its id and by the ARN of its profile."""
    arn = f"arn:aws:bedrock:{region}:123456789012:inference-profile/{CUT}"
    assert stability.answer(arn, region, image=encoded(PHOTO))["images"]
    assert stability.answer(CUT, region, image=encoded(PHOTO))["images"]


def test_an_image_is_not_in_the_record(stability: Stability, emulator: Emulator) -> None:
    """Nor is a mask, however small; a long prompt is."""
    stability.image(INPAINT, prompt="sea " * 2000, image=encoded(PHOTO), mask=white(0, 9))
    body = emulator.calls[0].body
    assert body["image"].startswith("<base64 ")
    assert body["mask"].startswith("<base64 ")
    assert body["prompt"] == "sea " * 2000
