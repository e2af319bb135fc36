"""Every rule at, below and above its bound, and how problems are told."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pictures import BAD, GOOD, jpeg, mask, photo, saved
from PIL import Image as Pillow

from airflow_titan.errors import InvalidRequest, Problem
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.tasks import ColorGuided, ImageVariation, Inpainting, Outpainting, Task, TextToImage
from airflow_titan.models.validation import validate

V2 = find("amazon.titan-image-generator-v2:0")
FIVE_MIB = 5 * 1024 * 1024


def image(data: bytes, uri: str = "s3://b/k") -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image(uri, data, weight=len(data)),)


def problems(task: Task) -> tuple[Problem, ...]:
    """Give what the check finds."""
    try:
        validate(task, V2)
    except InvalidRequest as error:
        return error.problems
    return ()


def named(task: Task) -> list[str]:
    """Give the parameters that the check finds something wrong with."""
    return [problem.parameter for problem in problems(task)]


def text_to_image(**changes: Any) -> TextToImage:
    """Ask for a picture from words."""
    return TextToImage(**{"text": "a lighthouse"} | changes)


def inpainting(**changes: Any) -> Inpainting:
    """Ask for an edit."""
    return Inpainting(**{"image": image(photo()), "mask_prompt": "the cup"} | changes)


def outpainting(**changes: Any) -> Outpainting:
    """Ask for a new surrounding."""
    return Outpainting(**{"image": image(photo()), "text": "a beach", "mask_prompt": "the cup"} | changes)


def variation(**changes: Any) -> ImageVariation:
    """Ask for variations."""
    return ImageVariation(**{"images": image(photo())} | changes)


@pytest.mark.parametrize("make", [text_to_image, inpainting, outpainting, variation])
def test_the_least_request_passes(make: Any) -> None:
    """What is required is enough."""
    assert problems(make()) == ()


@pytest.mark.parametrize("make", [text_to_image, inpainting, outpainting, variation])
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("text", ["a" * 512, "é" * 512, "🎨" * 512, "e\u0301" * 256], ["a" * 513, "🎨" * 513, "e\u0301" * 257]),
        ("negative_text", ["a" * 512, "🎨" * 512], ["a" * 513]),
        ("number_of_images", [1, 5, "1", " 5 ", "2.0", 3.0, np.int64(4)], [0, 6, -1, "0", "6", 1.5, "1.5"]),
        ("cfg_scale", [1.1, 10.0, 10, "1.1", " 8.0 ", "10", "1e1", np.float64(2)], [1.09, 10.01, 0, -8, "11", 11]),
        ("seed", [0, 2_147_483_646, "0", "2147483646", "1e3"], [-1, 2_147_483_647, "-1", 10**30, 10**6000]),
        ("quality", ["standard", "premium", " premium ", "Standard", ""], ["best", "stand", 1, True]),
    ],
)
def test_a_setting_at_and_beyond_its_bounds(make: Any, name: str, good: list[Any], bad: list[Any]) -> None:
    """At a bound a value passes; one step beyond it is one problem, of that parameter."""
    for value in good:
        assert problems(make(**{name: value})) == ()
    for value in bad:
        assert named(make(**{name: value})) == [name]


@pytest.mark.parametrize(
    ("make", "name", "good", "bad"),
    [
        (variation, "similarity_strength", [0.2, 1.0, "0.2", "1", 1, "0.70"], [0.19, 1.01, 0, "0.1", 2]),
        (outpainting, "outpainting_mode", ["DEFAULT", "PRECISE", "PRECISE ", "precise", "Default", ""], ["FAST", 1]),
        (inpainting, "mask_prompt", ["a" * 513, "🎨"], [1, ["cup"]]),
    ],
)
def test_a_tasks_own_parameter_at_and_beyond_its_bounds(make: Any, name: str, good: list[Any], bad: list[Any]) -> None:
    """Likewise for what only one task takes; a mask prompt has no documented length."""
    for value in good:
        assert problems(make(**{name: value})) == ()
    for value in bad:
        assert named(make(**{name: value})) == [name]


@pytest.mark.parametrize("name", ["number_of_images", "cfg_scale", "seed"])
@pytest.mark.parametrize(
    "value",
    [True, False, float("nan"), float("inf"), "nan", "-inf", "()", "1_0", "None of them", "two", "0x1", "1,5",
     [1], {}, b"1", Decimal("NaN"), "9" * 5000, "1e999"],
)  # fmt: skip
def test_what_is_no_number_is_said_to_be_none(name: str, value: object) -> None:
    """Truth values, NaN and words are not quietly taken for numbers."""
    assert named(text_to_image(**{name: value})) == [name]


@pytest.mark.parametrize("name", ["text", "negative_text"])
@pytest.mark.parametrize("value", [1, 1.5, True, ["a"], {"a": 1}, b"a", "a\0b", "\x1b[31m", "\ud83c"])
def test_what_is_no_clean_text_is_refused(name: str, value: object) -> None:
    """Other types, control characters and torn surrogates show a slip upstream."""
    assert named(text_to_image(**{name: value})) == [name]


@pytest.mark.parametrize(
    "value", ["line\nbreak", "tab\there", "None of them", "nonEmpty", "👩‍👩‍👧", "\u2066كوب\u2069", "\u3164a"]
)
def test_odd_but_honest_text_passes(value: str) -> None:
    """Only what can't be meant is refused."""
    assert problems(text_to_image(text=value)) == ()


@pytest.mark.parametrize(("width", "height"), [row[:2] for row in V2.sizes.table])
def test_every_size_of_the_table_passes(width: int, height: int) -> None:
    """As numbers and as a template renders them."""
    assert problems(text_to_image(width=width, height=height)) == ()
    assert problems(text_to_image(width=str(width), height=f" {height}.0 ")) == ()


@pytest.mark.parametrize(
    "size",
    [(1408, 1408), (1024, 768), (640, 1152), (1025, 1024), (0, 0), (-1, 1024), (1024, None), (None, 1024), ("9", 8)],
)  # fmt: skip
def test_any_other_size_is_one_problem(size: tuple[Any, Any]) -> None:
    """The pair counts, not its sides."""
    assert named(text_to_image(width=size[0], height=size[1])) == ["width, height"]


def test_a_wrong_size_names_the_closest() -> None:
    """The remedy is a size that one can use."""
    (problem,) = problems(text_to_image(width=1400, height=760))
    assert "1408x768" in problem.remedy


def test_text_to_image_gets_a_permitted_size() -> None:
    """Without a size, one that is permitted is sent."""
    task = validate(text_to_image(), V2).task
    assert (task.width, task.height) == V2.sizes.default


@pytest.mark.parametrize(
    ("make", "height", "words"),
    [(inpainting, 512, "no effect"), (outpainting, 512, "no effect"),
     (variation, 511, "heeds width and height, AWS doesn't say")],
)  # fmt: skip
def test_edits_only_warn_of_sizes(make: Any, height: int, words: str) -> None:
    """Real requests carry sizes on edits too; they do no harm, and have no effect, or none that anyone knows."""
    checked = validate(make(width="512", height=height), V2)
    assert any(words in warning for warning in checked.warnings)
    assert (checked.task.width, checked.task.height) == (512, height)


@pytest.mark.parametrize(
    ("task", "parameter"),
    [
        (TextToImage(), "text"),
        (Outpainting(image=image(photo()), mask_prompt="cup"), "text"),
        (Inpainting(mask_prompt="cup"), "image"),
        (Inpainting(image=(), mask_prompt="cup"), "image"),
        (ImageVariation(), "images"),
        (ImageVariation(images=()), "images"),
        (Inpainting(image=image(photo())), "mask_prompt or mask_image"),
        (outpainting(mask_image=image(mask())), "mask_prompt or mask_image"),
    ],
)
def test_what_is_missing_or_double_is_said(task: Task, parameter: str) -> None:
    """Required parameters, and exactly one of the two masks."""
    assert named(task) == [parameter]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize(
    "make", [lambda data: inpainting(image=image(data)), lambda data: variation(images=image(data))]
)
def test_what_is_no_whole_picture_is_a_problem(make: Any, name: str) -> None:
    """All damage and disguise is found before anything is sent, by bytes and not by name."""
    assert len(problems(make(BAD[name]))) == 1


@pytest.mark.parametrize("name", GOOD)
def test_whole_pictures_pass(name: str) -> None:
    """Odd but sound pictures pass."""
    assert problems(variation(images=image(GOOD[name]))) == ()


@pytest.mark.parametrize(("size", "count"), [((1408, 3), 0), ((3, 1408), 0), ((1409, 3), 1), ((3, 1409), 1)])
def test_the_long_side_has_a_bound(size: tuple[int, int], count: int) -> None:
    """1,408 pixels, whichever side it is."""
    assert len(problems(variation(images=image(photo(*size))))) == count


@pytest.mark.parametrize(("weight", "count"), [(FIVE_MIB, 0), (FIVE_MIB + 1, 1)])
def test_the_file_has_a_bound(weight: int, count: int) -> None:
    """5 MiB a file, whether it was read or left alone for its weight."""
    data = jpeg() + bytes(weight - len(jpeg()))
    assert len(problems(variation(images=image(data)))) == count
    assert len(problems(variation(images=(Image("s3://b/k", None, weight=weight),)))) == count


@pytest.mark.parametrize(("number", "found"), [(1, []), (5, []), (6, ["images"]), (60, ["images"])])
def test_one_to_five_images(number: int, found: list[str]) -> None:
    """A sixth image is one problem, not one for each image."""
    assert named(variation(images=image(photo()) * number)) == found


def test_an_edit_takes_one_image() -> None:
    """A list of two is no image; the remedy says what to do with a list."""
    (problem,) = problems(inpainting(image=image(photo()) * 2))
    assert (problem.parameter, problem.value) == ("image", "2 images")


def _heavy(weight: int) -> Image:
    return Image("s3://b/k", jpeg(), weight=weight)


def test_the_whole_request_has_a_bound() -> None:
    """25,000,000 bytes once the images are encoded: five of the largest images don't fit."""
    encoded = 3 * (-(-FIVE_MIB // 3) * 4)
    rest = (25_000_000 - 1_000 - encoded) // 4 * 3
    images = tuple(_heavy(FIVE_MIB) for _ in range(3))
    assert problems(variation(images=(*images, _heavy(rest)))) == ()
    assert named(variation(images=(*images, _heavy(rest + 1)))) == ["images"]


def test_a_mask_must_have_the_images_size() -> None:
    """Turned round is another size."""
    assert problems(inpainting(mask_prompt=None, mask_image=image(mask(64, 48)))) == ()
    (problem,) = problems(inpainting(mask_prompt=None, mask_image=image(mask(48, 64))))
    assert (problem.value, problem.limit) == ("48x64 pixels", "the image's size, 64x48")


@pytest.mark.parametrize(
    "data",
    [
        saved(Pillow.new("RGBA", (64, 48), (0, 0, 0, 255))),
        saved(Pillow.new("LA", (64, 48), (0, 255))),
        saved(Pillow.new("L", (64, 48), 254)),
        photo(64, 48),
        b"",
    ],
)
def test_an_unclear_mask_is_refused(data: bytes) -> None:
    """Any alpha, even an opaque one, and any colour but pure black and white."""
    assert named(inpainting(mask_prompt=None, mask_image=image(data))) == ["mask_image"]


def test_transparent_pixels_are_refused() -> None:
    """Where a model says that it takes none: one that is nearly opaque is enough."""
    data = saved(Pillow.new("RGBA", (320, 320), (0, 0, 0, 254)))
    with pytest.raises(InvalidRequest) as raised:
        validate(inpainting(image=image(data)), find("amazon.nova-canvas-v1:0"))
    assert [problem.parameter for problem in raised.value.problems] == ["image"]


def test_a_small_image_only_warns() -> None:
    """The shortest side is somebody's word against nobody's: unsure rules never refuse."""
    (warning,) = validate(variation(images=image(photo(255, 300))), V2).warnings
    assert "short side of 255" in warning
    assert validate(variation(images=image(photo(256, 300))), V2).warnings == ()


BLANK = [
    "", "   ", "\n\n", "\t", "\xa0", "\u200b", "\u200b \ufeff", "\u00ad", "\ufe0f", "\u0301", "\u2060", "\u202e",
    "\u2800", "\u3164", "\u2028", "\x00", "\x80", "\U000e0061", "\u180e", "\u115f\u1160",
]  # fmt: skip


@pytest.mark.parametrize("words", BLANK)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (text_to_image, "text"), (inpainting, "text"), (outpainting, "text"), (variation, "text"),
        (inpainting, "mask_prompt"), (outpainting, "mask_prompt"),
    ],
)  # fmt: skip
def test_a_blank_prompt_is_refused(make: Any, name: str, words: str) -> None:
    """It would be paid for, and in inpainting a blank text would take away what was to be changed."""
    (problem,) = problems(make(**{name: words}))
    assert problem.parameter == name
    assert "A template may have rendered to nothing" in problem.remedy


@pytest.mark.parametrize("model", ["amazon.nova-canvas-v1:0", "stability.sd3-5-large-v1:0"])
def test_a_blank_prompt_is_refused_for_every_family(model: str) -> None:
    """The rule is none of a model."""
    with pytest.raises(InvalidRequest, match="A template may have rendered to nothing"):
        validate(TextToImage(text="\u200b"), find(model))


@pytest.mark.parametrize("words", BLANK)
def test_a_blank_negative_text_is_not_given(words: str) -> None:
    """There is nothing that is not to be shown."""
    checked = validate(text_to_image(negative_text=words), V2)
    assert (checked.task.negative_text, checked.warnings) == (None, ())


@pytest.mark.parametrize("word", ["None", " null "])
@pytest.mark.parametrize("model", ["amazon.titan-image-generator-v2:0", "stability.stable-image-core-v1:1"])
def test_a_negative_text_that_is_a_word_for_nothing_is_not_given(word: str, model: str) -> None:
    """Also where the model takes none; a warning says that it was seen."""
    checked = validate(text_to_image(negative_text=word), find(model))
    assert checked.task.negative_text is None
    assert any("negative_text is nothing but" in warning for warning in checked.warnings)


@pytest.mark.parametrize("word", ["None", "nan", "NaN", "null", "undefined", "[]", "{}", " None\n", "N/A", "<NA>"])
@pytest.mark.parametrize(("make", "name"), [(text_to_image, "text"), (inpainting, "mask_prompt")])
def test_a_word_for_nothing_as_a_prompt_warns(make: Any, name: str, word: str) -> None:
    """It may be meant, and mostly isn't."""
    checked = validate(make(**{name: word}), V2)
    assert getattr(checked.task, name) == word
    assert any(warning.startswith(f"{name} is nothing but {word.strip()}") for warning in checked.warnings)


@pytest.mark.parametrize("words", ["a {{ params.color }} cup", "{% if x %}a cup{% endif %}", "{{ds}}"])
def test_a_template_that_was_not_rendered_warns(words: str) -> None:
    """Where a file brings it, nobody renders it; the warning doesn't repeat the prompt."""
    (warning,) = validate(text_to_image(text=words), V2).warnings
    assert "not rendered" in warning
    assert words not in warning


@pytest.mark.parametrize("words", ["a sign that says None", "a set {1, 2}", "nan bread", "{}{"])
def test_a_prompt_with_such_words_in_it_is_plain(words: str) -> None:
    """Only what is nothing else is odd."""
    assert validate(text_to_image(text=words), V2).warnings == ()


@pytest.mark.parametrize("words", ["no zebras", "Don't show people", "without hats", "avoid red", "never dark"])
def test_a_negative_word_warns(words: str) -> None:
    """The manual asks for the thing itself; the warning quotes the word and not the text."""
    (warning,) = validate(text_to_image(negative_text=words), V2).warnings
    assert words not in warning


@pytest.mark.parametrize("words", ["mirrors", "notes, knots and nobles", "noise"])
def test_words_that_begin_like_negatives_dont_warn(words: str) -> None:
    """Whole words count."""
    assert validate(text_to_image(negative_text=words), V2).warnings == ()


def test_all_problems_come_in_one_message() -> None:
    """One failed task tells everything, and says that nothing was paid."""
    task = outpainting(
        text="x" * 513, number_of_images=9, cfg_scale="much", seed=-1, outpainting_mode="SOME", quality="best",
        image=image(BAD["GIF"]), mask_image=image(BAD["empty"]),
    )  # fmt: skip
    with pytest.raises(InvalidRequest) as raised:
        validate(task, V2)
    assert {problem.parameter for problem in raised.value.problems} == {
        "text", "number_of_images", "cfg_scale", "seed", "outpainting_mode", "quality", "image", "mask_image",
        "mask_prompt or mask_image",
    }  # fmt: skip
    assert str(raised.value).startswith("9 problems with outpainting on amazon.titan-image-generator-v2:0; nothing was")
    assert all(str(problem) in str(raised.value) for problem in raised.value.problems)


_SECRET = "zanzibar"
_ALL_WRONG = [
    outpainting(
        text=_SECRET * 90, negative_text=f"no {_SECRET}\0", mask_prompt=[_SECRET], mask_image=image(photo(8, 8))
    ),
    text_to_image(text=[_SECRET], negative_text={_SECRET: 1}, width=3, number_of_images="x", quality="x", seed=9**30),
    text_to_image(text=_SECRET.encode(), negative_text=f"{_SECRET}\ud800"),
    variation(images=image(BAD["GIF"]) * 5, similarity_strength=3),
    inpainting(image=image(photo()) * 2, mask_prompt=None),
    variation(images=tuple(_heavy(FIVE_MIB) for _ in range(5))),
    *[variation(images=image(data)) for data in BAD.values()],
]


@pytest.mark.parametrize("task", _ALL_WRONG)
def test_each_problem_has_four_parts(task: Task) -> None:
    """Parameter, value, limit and remedy are all there, short enough to read."""
    assert problems(task)
    for problem in problems(task):
        assert all((problem.parameter, problem.value, problem.limit, problem.remedy))
        assert len(str(problem)) < 600


@pytest.mark.parametrize("task", _ALL_WRONG)
def test_no_message_repeats_the_prompt(task: Task) -> None:
    """Prompts may be confidential, and logs are read by many."""
    with pytest.raises(InvalidRequest) as raised:
        validate(task, V2)
    assert _SECRET not in str(raised.value)


def test_no_message_holds_image_bytes() -> None:
    """A data URL in the place of a file is described, not repeated."""
    (problem,) = problems(variation(images=image(BAD["data URL"])))
    assert base64.b64encode(photo()).decode()[:40] not in str(problem)


def test_a_model_without_the_task_is_a_problem() -> None:
    """The model that can't do it is named."""
    spec = V2.model_copy(update={"tasks": {}})
    with pytest.raises(InvalidRequest, match="a model that does text_to_image"):
        validate(text_to_image(), spec)


def test_a_prompt_that_the_model_lacks_is_not_repeated() -> None:
    """Of a text, in whatever form, only its length or its type is said."""
    spec = find("us.stability.stable-image-erase-object-v1:0")
    for text in (_SECRET, [_SECRET], {_SECRET: 1}):
        with pytest.raises(InvalidRequest, match=r"text: got .*; allowed is nothing") as raised:
            validate(
                inpainting(mask_prompt=None, mask_image=image(mask(64, 64)), image=image(photo(64, 64)), text=text),
                spec,
            )
        assert _SECRET not in str(raised.value)


def test_many_long_colours_make_a_short_message() -> None:
    """What is no colour is shown, though not to its last character."""
    (problem,) = problems(ColorGuided(text="a", colors=["x" * 10_000] * 10))
    assert problem.parameter == "colors"
    assert len(str(problem)) < 600


def test_a_parameter_that_the_model_lacks_is_a_problem() -> None:
    """Unknown keys are refused by the service, so they are not sent."""
    spec = V2.model_copy(update={"settings": ("seed",)})
    with pytest.raises(InvalidRequest, match="quality: got 'premium'; allowed is nothing"):
        validate(inpainting(quality="premium"), spec)


def test_a_color_that_the_model_writes_otherwise_is_a_problem() -> None:
    """What a color is read as still meets the model's own pattern."""
    rule = V2.parameters["colors"]
    limits = (rule.limits[-1].model_copy(update={"pattern": "#[0-9a-f]{6}", "told": "#rrggbb"}),)
    spec = V2.model_copy(update={"parameters": V2.parameters | {"colors": rule.model_copy(update={"limits": limits})}})
    assert validate(ColorGuided(text="a", colors=["#abcdef"]), spec).task.colors == ("#abcdef",)
    with pytest.raises(InvalidRequest, match=r"colors: got .*; allowed is texts like #rrggbb"):
        validate(ColorGuided(text="a", colors=["#ABCDEF"]), spec)
