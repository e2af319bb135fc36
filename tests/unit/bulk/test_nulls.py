"""Empty cells of data frames: whether they take defaults away, and that it is said before anything is paid."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.settings import RequestSettings
from airflow_titan.errors import ConfigurationError, Problems
from airflow_titan.operators.bulk import TitanBulkOperator
from airflow_titan.parameters import ParameterReader

if TYPE_CHECKING:
    from airflow_titan.bulk.requests import BulkRequest
    from airflow_titan.emulator import Emulator

DEFAULTS = {"task": "text_to_image", "text": "a jar", "width": 512, "height": 512}


class NAType:
    """Stands in for the object that pandas has for an empty cell of its own types."""


def listed(requests: Any, null_means: Any = None, *, store: Any = None, **given: Any) -> list[BulkRequest]:
    """Read requests."""
    problems = Problems()
    given = {"defaults": DEFAULTS, "images_as": None, "null_means": null_means} | given
    settings = RequestSettings.read(ParameterReader(problems), **given)
    problems.raise_if_any()
    with BulkRequests.read(requests, store, settings) as found:
        return list(found)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give the warnings."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_null_that_takes_a_default_away_is_told_once_a_parameter(caplog: pytest.LogCaptureFixture) -> None:
    """It says in how many rows, and what leaves the default there."""
    requests = [{"width": None if number % 4 else 1024, "height": None} for number in range(2_000)]
    assert all("height" not in request.fields for request in listed(requests))
    assert told(caplog) == [
        "height: null in 2,000 of 2,000 rows takes the default away; with null_means='default' they have it.",
        "width: null in 1,500 of 2,000 rows takes the default away; with null_means='default' they have it.",
    ]


def test_null_may_mean_the_default(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is taken away then, and nothing is told."""
    one, two = listed([{"width": None, "task": None, "id": None}, {"width": 1024, "text": ""}], "default")
    assert (one.id, one.task, one.fields["width"], one.problem) == ("1", "text_to_image", 512, None)
    assert (two.fields["width"], two.fields["text"]) == (1024, "a jar")
    assert told(caplog) == []


@pytest.mark.parametrize("empty", [None, float("nan"), np.float32("nan"), Decimal("NaN"), NAType()])
@pytest.mark.parametrize(("null_means", "width"), [("default", 512), ("nothing", None)])
def test_every_empty_cell_is_null(
    empty: Any, null_means: str, width: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a data frame has for it."""
    (request,) = listed([{"width": empty}], null_means)
    assert request.problem is None
    assert request.fields.get("width") == width
    assert len(told(caplog)) == (width is None)


@pytest.mark.parametrize("null_means", ["nothing", "default"])
@pytest.mark.parametrize("empty", ["", " ", "None", "null"])
def test_text_of_nothing_leaves_the_default(empty: str, null_means: str, caplog: pytest.LogCaptureFixture) -> None:
    """As it does for an operator; but a limit that a template lost must not go unseen."""
    (request,) = listed([{"width": empty, "seed": empty, "max_price_usd": empty}], null_means)
    assert request.fields == {"text": "a jar", "width": 512, "height": 512, "max_price_usd": empty}
    assert told(caplog) == []


def test_a_blank_prompt_is_no_null() -> None:
    """It is refused where it comes to be checked, unless the user says that what is empty has the default."""
    assert listed([{"text": " "}])[0].fields["text"] == " "
    assert listed([{"text": " "}], "default")[0].fields["text"] == "a jar"


def test_a_file_may_hold_nan(s3: Any, bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    """Python's own JSON writes it for an empty cell; what holds it deeper down is no JSON."""
    lines = [{"id": float("nan"), "width": float("nan")}, {"images": [float("nan")]}, {"width": float("inf")}]
    s3.put_object(Bucket=bucket, Key="k", Body="\n".join(json.dumps(line) for line in lines).encode())
    good, *wrong = listed(f"s3://{bucket}/k", "nothing", store=ObjectStore(s3))
    assert (good.id, good.problem, "width" in good.fields) == ("1", None, False)
    assert all("no JSON" in str(request.problem) for request in wrong)
    assert len(told(caplog)) == 1


def test_words_for_a_model_are_nothing_only_where_they_are_blank() -> None:
    """The text None may be meant, though it hardly ever is."""
    one, two = listed([{"text": "None"}, {"text": "\u200b "}], "default")
    assert (one.fields["text"], two.fields["text"]) == ("None", "a jar")


def test_a_default_that_the_task_doesnt_take_is_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    """A table of several tasks has cells that are not meant for all of them; that they are empty is right."""
    row = {"task": "background_removal", "image": "s3://b/k", "text": None, "width": None, "height": None}
    for null_means in ("nothing", "default"):
        (request,) = listed([row], null_means)
        assert (request.problem, request.fields) == (None, {"image": "s3://b/k"})
    assert told(caplog) == []


def test_a_shard_counts_its_own_rows(caplog: pytest.LogCaptureFixture) -> None:
    """Each shard says what it will do."""
    listed([{"width": None}] * 7, shard=0, shards=3)
    assert told(caplog) == [
        "width: null in 3 of 3 rows takes the default away; with null_means='default' they have it."
    ]


def test_null_that_takes_the_task_away_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The rows are wrong, and the warning says why all of them are."""
    (request,) = listed([{"task": None}])
    assert "no task" in str(request.problem)
    assert told(caplog)[0].startswith("task: null in 1 of 1 rows")


def test_rows_of_a_result_file_have_no_empty_cells(caplog: pytest.LogCaptureFixture) -> None:
    """What they say of another task's requests is nobody's default here."""
    row = {"id": "a", "line": 1, "images": ["s3://b/k"], "task": None, "width": None, "error": None}
    (request,) = listed([row], defaults={"task": "background_removal"}, images_as="image")
    assert (request.problem, told(caplog)) == (None, [])


def test_an_unknown_meaning_is_a_setting() -> None:
    """It is told with those that there are."""
    with pytest.raises(ConfigurationError, match=r"null_means: got 'defaults'; .* Did you mean default\?"):
        listed([{}], "defaults")


def test_it_is_told_before_anything_is_paid(emulator: Emulator, bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also where the task then fails, and where requests are checked one by one."""
    for validate in ("all", "each"):
        caplog.clear()
        operator = TitanBulkOperator(
            task_id="bulk",
            requests=[{"text": None}],
            defaults=DEFAULTS,
            validate=validate,
            output_prefix=f"s3://{bucket}/o",
        )
        with pytest.raises(AirflowFailException):
            Instance().run(operator)
        # Airflow says something of its own first
        (ours,) = [message for message in told(caplog) if "null in" in message]
        assert ours.startswith("text: null in 1 of 1 rows takes the default away")
    assert emulator.billed == 0


def test_a_template_chooses_the_meaning(emulator: Emulator, bucket: str) -> None:
    """The default's size is what is asked for."""
    operator = TitanBulkOperator(
        task_id="bulk",
        requests=[{"width": None}],
        defaults=DEFAULTS,
        null_means=" Default ",  # as a template may render it
        output_prefix=f"s3://{bucket}/o",
    )
    assert "null_means" in operator.template_fields
    Instance().run(operator)
    assert [call.body["imageGenerationConfig"]["width"] for call in emulator.calls] == [512]
