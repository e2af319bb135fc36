"""The model data says what the manual says, and can't say anything by mistake."""

from __future__ import annotations

from importlib.resources import files

import pytest

from airflow_titan.errors import ConfigurationError
from airflow_titan.models.catalog import find, parse

V1, V2 = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"
NOVA, INPAINT = "amazon.nova-canvas-v1:0", "us.stability.stable-image-inpaint-v1:0"
TEXT = files("airflow_titan").joinpath("models", "data", "titan.toml").read_text(encoding="utf-8")
#: The manual's table, row by row: width, height, aspect ratio, price equivalent.
SIZES = """
1024 1024 1:1 1024
768 768 1:1 512
512 512 1:1 512
768 1152 2:3 1024
384 576 2:3 512
1152 768 3:2 1024
576 384 3:2 512
768 1280 3:5 1024
384 640 3:5 512
1280 768 5:3 1024
640 384 5:3 512
896 1152 7:9 1024
448 576 7:9 512
1152 896 9:7 1024
576 448 9:7 512
768 1408 6:11 1024
384 704 6:11 512
1408 768 11:6 1024
704 384 11:6 512
640 1408 5:11 1024
320 704 5:11 512
1408 640 11:5 1024
704 320 11:5 512
1152 640 9:5 1024
1173 640 16:9 1024
"""


@pytest.mark.parametrize("model_id", [V1, V2])
def test_the_sizes_are_those_of_the_manual(model_id: str) -> None:
    """All 25 rows, in the manual's order, each with its price class."""
    rows = [" ".join(map(str, row)) for row in find(model_id).sizes.table]
    assert rows == SIZES.split("\n")[1:-1]
    assert len(rows) == 25


@pytest.mark.parametrize("model_id", [V1, V2])
def test_the_default_size_is_a_permitted_one(model_id: str) -> None:
    """The manual's default, 1408 by 1408, is in no row of its table; ours is."""
    sizes = find(model_id).sizes
    assert sizes.allows(*sizes.default)
    assert not sizes.allows(1408, 1408)


@pytest.mark.parametrize("size", [(1024, 768), (768, 1024), (640, 1152), (640, 1173), (0, 0)])
def test_a_side_that_occurs_makes_no_size(size: tuple[int, int]) -> None:
    """Sizes are pairs: turning one round, or mixing two, gives none."""
    assert not find(V1).sizes.allows(*size)


@pytest.mark.parametrize(
    ("name", "bound", "value"),
    [
        ("text", "max_length", 512),
        ("negative_text", "max_length", 512),
        ("similarity_strength", "minimum", 0.2),
        ("similarity_strength", "maximum", 1.0),
        ("images", "min_items", 1),
        ("images", "max_items", 5),
        ("image", "max_side", 1408),
        ("images", "max_side", 1408),
        ("mask_image", "max_side", 1408),
        ("image", "max_bytes", 5 * 1024 * 1024),
        ("number_of_images", "minimum", 1),
        ("number_of_images", "maximum", 5),
        ("cfg_scale", "minimum", 1.1),
        ("cfg_scale", "maximum", 10.0),
        ("seed", "minimum", 0),
        ("seed", "maximum", 2_147_483_646),
        ("outpainting_mode", "values", ("DEFAULT", "PRECISE")),
        ("quality", "values", ("standard", "premium")),
    ],
)
def test_each_bound_is_the_manuals(name: str, bound: str, value: object) -> None:
    """Every bound that fails a request stands in the data as the manual has it."""
    for model_id in (V1, V2):
        assert find(model_id).parameters[name].largest(bound) == value


@pytest.mark.parametrize(
    ("model_id", "defaults"),
    [(V1, {"seed": 0, "cfg_scale": 8.0, "number_of_images": 1, "similarity_strength": 0.7, "quality": "standard"}),
     (V2, {"seed": 42, "cfg_scale": 8.0, "number_of_images": 1, "similarity_strength": 0.7, "quality": "standard"})],
)  # fmt: skip
def test_defaults_are_each_models_own(model_id: str, defaults: dict[str, object]) -> None:
    """The two versions differ in the seed they take when none is sent."""
    spec = find(model_id)
    assert {name: spec.parameters[name].default for name in defaults} == defaults


@pytest.mark.parametrize(
    ("width", "height", "quality", "count", "usd"),
    [
        (512, 512, None, 1, 0.008),
        (768, 768, "standard", 1, 0.008),
        (1024, 1024, None, 1, 0.01),
        (1024, 1024, "premium", 3, 0.036),
        (512, 512, "premium", 5, 0.05),
        (704, 320, None, 3, 0.024),
        (500, 500, None, 1, 0.008),
        (513, 512, None, 1, 0.01),
        (1408, 1408, "premium", 1, 0.012),
    ],
)
def test_the_price_goes_by_size_class_quality_and_count(
    width: int, height: int, quality: str | None, count: int, usd: float
) -> None:
    """The estimate follows the table, and the number of pixels outside it."""
    assert find(V2).price(width, height, quality, count) == usd


def test_an_unknown_quality_has_no_price() -> None:
    """No price is better than a wrong one."""
    assert find(V2).price(512, 512, "superb", 1) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('family = "titan"', 'famly = "titan"'),
        ("max_length = 512", "max_lenght = 512"),
        ("default = [1024, 1024]", "default = [1024, 1024]\nlargest = 5"),
        ('size = "sent"', 'size = "send"'),
        ('mark = "D", source = "manual"', 'mark = "X", source = "manual"'),
        ('mark = "D", source = "manual"', 'mark = "D"'),
        ('mark = "D", source = "manual"', 'mark = "D", source = "hearsay"'),
        ("checked = 2026-11-22", ""),
        ('quality = "premium", usd = 0.010,', 'quality = "premium",'),
        ('regions = ["us-east-1", "us-west-2"]', ""),
        ('status = "retired"', 'status = "gone"'),
    ],
)
def test_a_slip_in_the_data_is_an_error(before: str, after: str) -> None:
    """An unknown key, a missing one, an unknown word or a source that isn't there: the file isn't read."""
    assert before in TEXT
    with pytest.raises(ValueError, match=r"."):
        parse(TEXT.replace(before, after, 1))


def test_every_fact_has_a_source_with_an_address_and_a_day() -> None:
    """Whoever doubts a number can look it up."""
    parse(TEXT)
    sources = TEXT.count("[sources.")
    assert sources == TEXT.count('\nurl = "https://') == TEXT.count("\nchecked = 20")


@pytest.mark.parametrize(
    ("model_id", "family", "found"),
    [
        (V1, None, V1),
        (V2, None, V2),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{V2}", None, V2),
        (f"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{V1}", None, V1),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", "titan", V2),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", V1, V1),
        ("some.new-model-v9", "titan", V2),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}", None, NOVA),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", "nova", NOVA),
        (INPAINT, None, INPAINT),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{INPAINT}", None, INPAINT),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.{NOVA}", None, NOVA),
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model/abc", NOVA, NOVA),
        # AWS tells of such a profile that its model is this, without the part of the world
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", INPAINT[3:], INPAINT),
    ],
)
def test_a_model_is_found_by_id_arn_or_family(model_id: str, family: str | None, found: str) -> None:
    """Ids and plain ARNs say it themselves; ARNs that hide the model need the family."""
    assert find(model_id, family).id == found


@pytest.mark.parametrize(
    ("model_id", "family", "words"),
    [
        ("amazon.titan-image-generator-v3", None, "model_id: got 'amazon.titan-image-generator-v3'; allowed is one of"),
        ("amazon.titan-image-generator-v3", None, r"Did you mean amazon\.titan-image-generator-v\d"),
        ("titan", None, r"Did you mean amazon\.titan-image-generator-v2:0\?"),
        ("amazon.nova-canvas-v1", None, r"Did you mean amazon\.nova-canvas-v1:0\?"),
        (V1, "tytan", r"Did you mean titan\?"),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", None, "Set model_family"),
        (V1, "tytan", "model_family: got 'tytan'"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-canvas-v9:0", None, "Set model_family"),
        ("", None, "model_id: got ''"),
        (INPAINT[3:], None, f"inference profile alone. Write {INPAINT}, which us-east-1"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{INPAINT[3:]}", None, f"Write {INPAINT}, which us-east-1"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", None, "which model is behind it"),
    ],
)
def test_an_unknown_model_is_a_clear_error(model_id: str, family: str | None, words: str) -> None:
    """The message names what was given and what is known."""
    with pytest.raises(ConfigurationError, match=words):
        find(model_id, family)
