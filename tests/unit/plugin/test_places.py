"""Where a task may have written its record: what is known of it with its rendered fields, and without them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery import Gallery

    from airflow_titan.plugin.places import Origin


def _origin(chosen: Any, map_index: int = -1) -> Origin:
    from airflow_titan.plugin.ids import TaskInstanceKey
    from airflow_titan.plugin.places import Origin, _prefix
    from airflow_titan.plugin.stores import Access

    return Origin(_prefix(TaskInstanceKey("d", "r", "t", map_index), chosen, ""), Access(""))


@contextmanager
def _gone(task_id: str) -> Iterator[None]:
    """Let Airflow have thrown away the rendered fields of a task, as of a run that isn't among the newest."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields as Fields
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        kept = session.query(Fields).filter_by(dag_id="alpha", task_id=task_id).all()
        values = [{column.key: getattr(row, column.key) for column in Fields.__table__.columns} for row in kept]
        for row in kept:
            session.delete(row)
    try:
        yield
    finally:
        with create_session(scoped=False) as session:
            session.execute(Fields.__table__.insert(), values)


@pytest.mark.parametrize(
    ("chosen", "map_index", "prefix"),
    [
        ("s3://bucket/own/", -1, "s3://bucket/own/"),
        ("s3://bucket/own", 3, "s3://bucket/own/3/"),
        ("s3://bucket/own/{{ run_id }}/x", -1, "s3://bucket/own/"),
        ("s3://bucket/ow{{ run_id }}", 3, "s3://bucket/ow"),
        ("s3://bucket/***/x", -1, "s3://bucket/"),
        ("s3://bucket/{% if a %}x{% endif %}", -1, "s3://bucket/"),
    ],
)
@pytest.mark.usefixtures("gallery")
def test_a_task_wrote_below_its_prefix(chosen: str, map_index: int, prefix: str) -> None:
    """Or below as much of it as nobody rendered or masked."""
    assert _origin(chosen, map_index).prefix == prefix


@pytest.mark.parametrize("chosen", ["{{ root }}/x", "s3://{{ bucket }}/x", "s3://bucket{{ x }}/y", "s3://***/x", ["a"]])
@pytest.mark.usefixtures("gallery")
def test_a_bucket_that_is_half_known_is_not_known(chosen: Any) -> None:
    """What begins with the same letters may be another's bucket."""
    from airflow_titan.plugin.problems import Problem

    with pytest.raises(Problem, match="rendered fields are gone"):
        _origin(chosen)


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket/own", "s3://bucket/owner/x", "s3://bucket/own/../x", "s3://buckets/own/x", "s3a://bucket/own/x"],
)
@pytest.mark.usefixtures("gallery")
def test_a_neighbor_of_the_prefix_is_elsewhere(uri: str) -> None:
    """The prefix ends with a slash, and dots lead out of nothing."""
    from airflow_titan.plugin.problems import Problem

    with pytest.raises(Problem, match=r"didn't write: all that it wrote lies below s3://bucket/own/\. .*output_root"):
        _origin("s3://bucket/own").check(uri)


@pytest.mark.parametrize("task_id", ["z_first", "a_last"])
def test_a_run_whose_rendered_fields_are_gone_is_shown(gallery: Gallery, task_id: str) -> None:
    """By what its DAG declares: nothing, and so the deployment's root; or a template that begins with the bucket."""
    with _gone(task_id):
        result = gallery.result("alpha", task_id)
        assert (result["problem"], len(result["outputs"])) == (None, 1)
        assert gallery.get(result["outputs"][0]["url"]).status_code == 200


def test_a_connection_that_is_not_declared_is_not_taken(gallery: Gallery) -> None:
    """Without rendered fields, too."""
    with _gone("z_first"), gallery.edited("alpha", "z_first", s3={"conn_id": "aws_of_the_bank"}):
        assert "connection" in gallery.result("alpha", "z_first")["problem"]


FIELDS = {
    "aws_conn_id": "aws_default", "s3_conn_id": "pictures", "output_prefix": "s3://bucket/own",
    "region_name": "eu-west-1", "expected_bucket_owner": "123456789012", "request_payer": "requester", "verify": False,
    "botocore_config": {"a": 1},
}  # fmt: skip


@pytest.mark.parametrize("hidden", ["***", "{{ params.x }}"])
@pytest.mark.usefixtures("gallery")
def test_a_store_is_asked_as_the_task_asked_it(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its rendered fields; where Airflow hid one of them, by what XCom says, which can be no other connection."""
    from datetime import UTC, datetime

    from airflow_titan.plugin import metadata
    from airflow_titan.plugin.ids import TaskInstanceKey
    from airflow_titan.plugin.places import origin_of
    from airflow_titan.plugin.problems import Problem
    from airflow_titan.plugin.stores import Access

    told = {"conn_id": "pictures", "region_name": "us-east-1", "expected_bucket_owner": "1" * 12, "request_payer": "x"}
    entry = metadata.Entry(TaskInstanceKey("d", "r", "t"), "success", None, {"s3": told}, None, datetime.now(UTC))
    known = Access("pictures", "eu-west-1", "123456789012", "requester", verify=False, botocore_config={"a": 1})
    monkeypatch.setattr(metadata, "rendered_fields", lambda *_: FIELDS)
    assert origin_of(entry, None).access == known  # type: ignore[arg-type]
    monkeypatch.setattr(metadata, "rendered_fields", lambda *_: {**FIELDS, "region_name": hidden, "verify": hidden})
    assert origin_of(entry, None).access == known._replace(region_name="us-east-1", verify=None)  # type: ignore[arg-type]
    monkeypatch.setattr(metadata, "rendered_fields", lambda *_: {**FIELDS, "s3_conn_id": hidden})
    with pytest.raises(Problem, match="rendered fields are gone"):
        origin_of(entry, None)  # type: ignore[arg-type]
