"""What is known of what a task read and wrote."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from airflow_titan.lineage.record import StoredItem, named_items, parameter_hash


@pytest.mark.parametrize(
    ("value", "uris"),
    [
        ("s3://b/k.png", ["s3://b/k.png"]),
        (["s3://b/1.png", ["s3a://b/2.png"]], ["s3://b/1.png", "s3://b/2.png"]),
        ('["s3://b/1.png", "s3://b/2.png"]', ["s3://b/1.png", "s3://b/2.png"]),
        ("https://b.s3.us-east-1.amazonaws.com/k.png", ["s3://b/k.png"]),
        ("s3://conn@b/k.png", ["s3://b/k.png"]),
        ("s3://b/{{ ds }}.png", []),
        (["nonsense", "s3://b/k.png", "s3://b"], ["s3://b/k.png"]),
        ('["nonsense", "s3://b/k.png"]', ["s3://b/k.png"]),
        ([{"text": "a cup"}], []),
        (None, []),
        (object(), []),
    ],
)
def test_what_a_field_names_is_read_in_one_form(value: Any, uris: list[str]) -> None:
    """As the manifest would have it; what makes no sense is left out."""
    assert [item.uri for item in named_items({"image": value})] == uris


def test_nothing_is_fetched() -> None:
    """What is lazy is left alone, also within a list."""

    class Fetches:
        def __iter__(self) -> Any:
            raise AssertionError("it was looked into")

    assert named_items({"image": Fetches(), "images": ["s3://b/k", Fetches()]}) == (StoredItem("s3://b/k", "images"),)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://b/a/k.png", ("b", "a/k.png")),
        ("s3n://b/k", ("b", "k")),
        (
            "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/mine/a/k",
            ("arn:aws:s3:us-east-1:123456789012:accesspoint/mine", "a/k"),
        ),
    ],
)
def test_a_place_is_the_same_however_it_is_written(uri: str, place: tuple[str, str]) -> None:
    """Bucket and key: whoever wrote it, and whoever reads it."""
    assert StoredItem(uri, "image").place == place


@pytest.mark.parametrize(("prefix", "place"), [("s3://b", ("b", "/")), ("s3://b/a/b", ("b", "a/b"))])
def test_a_prefix_has_a_place(prefix: str, place: tuple[str, str]) -> None:
    """Also one that is a whole bucket."""
    assert StoredItem(prefix, "images", files=3).place == place


@pytest.mark.parametrize("value", ["a cup", "Käfig", 7, 7.5, ["s3://b/1", "s3://b/2"], "\ud800"])
def test_a_hash_can_be_made_again(value: Any) -> None:
    """By whoever knows the value, of JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert parameter_hash(value) == hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
