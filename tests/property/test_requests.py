"""What holds for every request, whatever it holds."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, photo
from written import written

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.errors import BadAnswer, ConfigurationError, InvalidRequest
from airflow_titan.generation.inputs import InputReader
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.generation.prepare import prepare
from airflow_titan.generation.request import OPTIONS, Request
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.families import titan, wire
from airflow_titan.models.routing import ModelRouting
from airflow_titan.models.tasks import TextToImage, parameters
from airflow_titan.models.validation import validate

V2 = find("amazon.titan-image-generator-v2:0")
bounded = settings(max_examples=300, deadline=None, derandomize=True)
anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=600), st.binary(max_size=9),
    st.decimals(), st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.none(), max_size=1),
)  # fmt: skip
ids = st.text(min_size=1, max_size=30) | st.sampled_from(["..", "a/../b", "%2e%2e", "a%2Fb"])
owners = st.builds(TaskInstance, dag_id=ids, run_id=ids, task_id=ids, map_index=st.integers(-1, 20))


_pictures = st.none() | st.sampled_from([photo(), jpeg(), b""]).map(lambda data: (Image("s3://b/k", data),))


@given(
    st.fixed_dictionaries(dict.fromkeys(parameters(TextToImage), anything) | {"condition_image": _pictures}),
)
@bounded
def test_a_check_passes_or_says_what_is_wrong(values: dict[str, Any]) -> None:
    """Values of any type end in a checked task or in problems, never in a crash; what passed passes again unchanged."""
    try:
        checked = validate(TextToImage(**values), V2).task
    except InvalidRequest as error:
        found = error.problems
    else:
        found = None
        again = replace(checked, condition_image=values["condition_image"])  # an input comes as a list of one
        assert validate(again, V2).task == checked
    assert found != ()


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(OPTIONS, anything | st.just("9" * 5000))))
@bounded
def test_options_are_taken_or_refused(options: dict[str, Any]) -> None:
    """Whatever the model and the limits are said to be, it never crashes."""
    place = ResultLocation("s3://b", TaskInstance(dag_id="d", run_id="r", task_id="t"))
    try:
        asked = Request.from_parameters(
            TextToImage(text="a jar"), options, ModelRouting("amazon.titan-image-generator-v2:0", {})
        )
        prepared = prepare(asked, InputReader(ObjectStore(None)), place, read="header")
    except (ConfigurationError, InvalidRequest):
        return
    assert prepared.calls


_leaves = (
    st.none() | st.booleans() | st.floats() | st.text().filter(lambda text: "\0" not in text)
    | st.sampled_from([photo(), jpeg(), b""]).map(lambda data: Image("s3://b/k", data))
)  # fmt: skip
_messages = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(_messages)
@bounded
def test_splicing_equals_encoding_the_whole(value: Any) -> None:
    """Whatever stands around the images, the bytes are those of the plain way."""
    plain = json.dumps({"a": value}, default=lambda image: base64.b64encode(image.data).decode())
    assert written({"a": value}) == plain.encode()


@given(st.binary(max_size=200), st.integers(0), st.characters(codec="utf-8"))
@bounded
def test_base64_is_read_to_the_letter(data: bytes, where: int, sign: str) -> None:
    """A text with one sign put in is the same bytes only if it is what encoding them gives."""
    text = base64.b64encode(data).decode()
    assert wire.read_base64(msgspec.Raw(json.dumps(text).encode()), 1) == data
    at = where % (len(text) + 1)
    try:
        found = wire.read_base64(msgspec.Raw(json.dumps(text[:at] + sign + text[at:]).encode()), 1)
    except BadAnswer:
        return
    pytest.fail(f"read {len(found)} bytes from a text of {len(text) + 1} signs")


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: json.dumps({"images": [text]}).encode()))
@bounded
def test_any_answer_is_read_or_turned_down(body: bytes) -> None:
    """Noise is a bad answer and nothing else."""
    try:
        titan.decode(body)
    except BadAnswer:
        return


@given(owners, owners, st.booleans())
@bounded
def test_places_never_meet(one: TaskInstance, other: TaskInstance, shared: bool) -> None:  # noqa: FBT001
    """Two task instances have two folders and two seeds, below one prefix or below the root; neither leaves it."""
    prefix = "s3://b/shared" if shared else None
    places = [ResultLocation.of(owner, prefix=prefix, root="s3://b/root") for owner in (one, other)]
    folders = {place.folder("f") for place in places}
    assert (len(folders) == 1) == (one.identity == other.identity)
    for folder in folders:
        parts = folder.removeprefix("s3://b/").split("/")
        assert parts[0] == ("shared" if shared else "root")
        assert not {"", ".", ".."} & set(parts)
