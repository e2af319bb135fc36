"""What a person is asked, and what becomes of the answer, without an Airflow around it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance
from pictures import photo

from airflow_titan.errors import ConfigurationError, InvalidRequest
from airflow_titan.operators import TitanReviewOperator, TitanTextToImageOperator

ON_3 = airflow.__version__ >= "3.1"
needs_people = pytest.mark.skipif(not ON_3, reason="people can be asked from Airflow 3.1 on")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Form(list[dict[str, Any]]):
    """Stands in for Airflow's API: takes what a task asks."""

    def __call__(self, **asked: Any) -> None:
        """Take it."""
        self.append(asked)


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> Form:
    """Give what tasks ask."""
    taken = Form()
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", taken)
    return taken


@pytest.fixture
def images(s3: Any, bucket: str) -> list[str]:
    """Put four pictures where the operator can see them."""
    for number in range(4):
        s3.put_object(Bucket=bucket, Key=f"in/{number}.png", Body=photo(320, 320))
    return [f"s3://{bucket}/in/{number}.png" for number in range(4)]


def review(images: Any, **settings: Any) -> TitanReviewOperator:
    """Make an operator."""
    return TitanReviewOperator(task_id="task", images=images, **settings)


def ask(operator: Any, **ids: Any) -> Instance:
    """Run it until it waits."""
    from airflow.sdk.exceptions import TaskAwaitingInput

    instance = _Instance(**ids)
    with pytest.raises(TaskAwaitingInput) as signal:
        instance.run(operator)
    assert signal.value.method_name == "execute_complete"
    return instance


class _Instance(Instance):
    id = "an id"

    def run(self, operator: Any) -> Any:
        """Execute, as this instance under both of its names."""
        return operator.execute({"ti": self, "task_instance": self})


def answer(operator: Any, *options: str, **more: Any) -> tuple[Any, Instance]:
    """Go on with an answer; give what is returned, and the instance with what it pushed."""
    instance = _Instance()
    event = {
        "chosen_options": list(options), "params_input": {}, "responded_at": NOW, "timedout": False,
        "responded_by_user": {"id": "7", "name": "Ada"}, **more,
    }  # fmt: skip
    return operator.execute_complete({"ti": instance, "task_instance": instance}, event), instance


@needs_people
def test_it_shows_the_pictures_of_the_gallery(form: Form, images: list[str]) -> None:
    """Each is numbered, small, of the same origin, and leads to its full size."""
    instance = ask(review(images), dag_id="d/1", run_id="r 2", map_index=3)
    (asked,) = form
    page = "/titan/dags/d%2F1/runs/r%202/tasks/task/3/inputs"
    for number in range(4):
        assert f"[![Picture {number + 1}]({page}/{number}/thumbnail)]({page}/{number})" in asked["body"]
    assert asked["options"] == ["Picture 1", "Picture 2", "Picture 3", "Picture 4", "Reject"]
    assert asked["subject"] == "Choose 1 to 4 of 4 pictures"
    assert set(asked["params"]) == {"remark", "text"}
    assert instance.xcoms["manifest"]["status"] == "awaiting_input"


@needs_people
def test_the_images_are_recorded_before_it_waits(form: Form, images: list[str], s3: Any, bucket: str) -> None:
    """The gallery shows only what a task's own record names, so it must be there."""
    del form
    told = ask(review([images[:2], [images[2]]])).xcoms["manifest"]
    key = told["manifest_uri"].removeprefix(f"s3://{bucket}/")
    record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert [each["uri"] for each in record["inputs"]] == images[:3]
    assert (record["task"], record["outputs"]) == ("review", [])
    assert (told["task"], told["images"]) == ("review", 3)
    assert len(json.dumps(told)) < 2048


@needs_people
def test_prompt_and_seed_are_shown_where_a_model_made_them(form: Form, bucket: str, emulator: Any) -> None:
    """They come from the record beside the images; what the prompt holds means nothing to Markdown."""
    del bucket, emulator
    text = "a | cup `x` **b** <img src=x> ![i](http://e.example/i) [l](j)\n\n# no heading"
    made = Instance().run(
        TitanTextToImageOperator(task_id="task", text=text, seed=7, width=320, height=704, number_of_images=2)
    )
    ask(review(made))
    (asked,) = form
    assert "| seed 7 | seed 7 |" in asked["body"]
    (line,) = [line for line in asked["body"].splitlines() if line.startswith("Prompt")]
    assert (
        r"a \| cup \`x\` \*\*b\*\* \<img src\=x\> \!\[i\]\(http\:\/\/e\.example\/i\) \[l\]\(j\) \# no heading" in line
    )


@needs_people
def test_the_authors_text_stands_below_the_pictures(form: Form, images: list[str]) -> None:
    """So that nothing that it leaves open, such as a block of code, swallows a picture."""
    ask(review(images, body="```\n<!-- open", subject="# *Which?*"))
    (asked,) = form
    assert asked["body"].endswith("\n\n```\n<!-- open")
    assert asked["subject"] == "# *Which?*"


@needs_people
def test_the_chosen_go_on_in_their_order(images: list[str], s3: Any, bucket: str) -> None:
    """XCom and a record in S3 say who chose what, when, and with which words."""
    form = {"remark": "brighter", "text": None}
    uris, instance = answer(review(images), "Picture 4", "Picture 2", params_input=form)
    assert uris == [images[1], images[3]]
    assert instance.xcoms == {
        "chosen": [images[1], images[3]], "rejected": [images[0], images[2]], "remark": "brighter", "text": "",
        "params_input": form, "responded_by_user": {"id": "7", "name": "Ada"},
        "responded_at": "2026-01-02T00:00:00+00:00", "timedout": False,
    }  # fmt: skip
    (key,) = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"] if "decision-1" in each["Key"]]
    record = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert {name: record[name] for name in instance.xcoms} == instance.xcoms


@needs_people
@pytest.mark.parametrize(
    "options", [["Picture 1"], ["Picture 1", "Picture 2", "Picture 3"], ["Reject", "Picture 1", "Picture 2"]]
)
def test_a_wrong_number_is_asked_for_again(
    options: list[str], form: Form, images: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing goes on and nothing fails; the log says why."""
    from airflow.sdk.exceptions import TaskAwaitingInput

    with pytest.raises(TaskAwaitingInput):
        answer(review(images, minimum=2, maximum=2), *options)
    assert len(form) == 1
    log = capsys.readouterr().out
    assert "asked for again" in log
    assert "cannot be called outside" not in log


@needs_people
def test_a_form_that_does_not_fit_is_asked_for_again(
    form: Form, images: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And what was typed is not repeated in the log."""
    from airflow.sdk.exceptions import TaskAwaitingInput

    with pytest.raises(TaskAwaitingInput):
        answer(review(images), "Picture 1", params_input={"remark": "secret " * 1000})
    assert len(form) == 1
    assert "secret" not in capsys.readouterr().out


@needs_people
def test_a_rejection_is_told_by_its_name(images: list[str]) -> None:
    """It ends the task, as on_reject says."""
    with pytest.raises(AirflowFailException, match=r"^Rejected: images: got 4, and all 4 images were turned down"):
        answer(review(images), "Reject")
    with pytest.raises(AirflowSkipException, match="Rejected"):
        answer(review(images, on_reject="skip"), "Reject")


@needs_people
def test_nobody_answering_is_told_by_its_name(images: list[str]) -> None:
    """The message says what to do."""
    waiting = review(images, response_timeout=timedelta(hours=1))
    with pytest.raises(
        AirflowFailException, match=r"^NoAnswer: response_timeout: got no answer within 1:00:00.*defaults"
    ):
        answer(waiting, error="The timeout has passed", error_type="timeout")


@needs_people
@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (2, ["Picture 2"]),
        ("2", ["Picture 2"]),
        ([3, 1], ["Picture 1", "Picture 3"]),
        ("1, 4", ["Picture 1", "Picture 4"]),
        ("[1, 4]", ["Picture 1", "Picture 4"]),
        ("picture 2", ["Picture 2"]),
        ("reject", ["Reject"]),
        (None, None),
        ("", None),
    ],
)
def test_defaults_name_pictures_by_number(given: Any, taken: Any, form: Form, images: list[str]) -> None:
    """As numbers, text, lists or text of lists, or the word that rejects."""
    ask(review(images, defaults=given))
    assert form[0]["defaults"] == taken


@needs_people
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimum": 0}, "minimum: got 0; allowed is a whole number from 1 to 4"),
        ({"minimum": 5}, "minimum: got 5; allowed is a whole number from 1 to 4"),
        ({"minimum": 3, "maximum": 2}, "maximum: got 2; allowed is 3 or more"),
        ({"on_reject": "retry"}, "on_reject: got 'retry'; allowed is one of fail, skip"),
        ({"defaults": 5}, "defaults: got 5, which names what is no picture"),
        ({"defaults": [1, 2], "maximum": 1}, r"defaults: got \[1, 2\], which chooses 2 of the pictures"),
        ({"defaults": ["Reject", 1]}, "which rejects, and chooses too"),
    ],
)
def test_what_is_known_to_be_wrong_is_refused_where_the_dag_is_parsed(settings: dict[str, Any], message: str) -> None:
    """As Airflow's own operators do; parameter, value, limit and remedy."""
    with pytest.raises(InvalidRequest, match=message):
        review([f"s3://b/{number}.png" for number in range(4)], **settings)


@needs_people
def test_what_a_template_brings_is_refused_before_anybody_is_asked(form: Form, images: list[str]) -> None:
    """Nobody waits for what can't succeed."""
    late = review("{{ images }}", minimum="{{ minimum }}")
    late.images, late.minimum = images[:1], "2"
    with pytest.raises(AirflowFailException, match=r"minimum: got '?2'?; allowed is a whole number from 1 to 1"):
        _Instance().run(late)
    assert form == []


@needs_people
def test_a_picture_that_is_not_there_is_refused_before_anybody_is_asked(form: Form, images: list[str]) -> None:
    """Nobody can choose among pictures that can't be seen."""
    with pytest.raises(AirflowFailException, match=r"gone\.png"):
        _Instance().run(review([*images, "s3://titan-images/in/gone.png"]))
    assert form == []


@needs_people
def test_one_picture_is_a_choice_of_buttons(form: Form, images: list[str]) -> None:
    """Where one may be chosen, several can't be."""
    ask(review(images, maximum=1))
    ask(review(images[0]))
    assert [asked["multiple"] for asked in form] == [False, False]


@pytest.mark.skipif(ON_3, reason="Airflow 3.1 and later can ask people")
def test_airflow_2_says_what_to_do() -> None:
    """The import works; who makes one, also to map it, reads what to do."""
    for make in (lambda: review("s3://b/k"), lambda: TitanReviewOperator.partial(task_id="task")):
        with pytest.raises(ConfigurationError, match=r"TitanReviewOperator: got Airflow 2\..*Upgrade"):
            make()


@needs_people
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_timeout", 5),
        ("response_timeout", "1h"),
        ("response_timeout", timedelta(0)),
        ("assigned_users", "ada"),
        ("assigned_users", [{"id": "7"}]),
        ("notifiers", "mail"),
        ("notifiers", ["mail"]),
    ],
)
def test_what_airflow_would_stumble_over_later_is_told_at_once(field: str, value: Any) -> None:
    """By its name and with what to write, where the DAG is parsed."""
    with pytest.raises(InvalidRequest, match=rf"{field}: got .*; allowed is .*(Write|Give)"):
        review(["s3://b/1"], **{field: value})
