"""What a person is asked, and what becomes of the answer, without an Airflow around it."""

from __future__ import annotations

import json
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, Param
from instance import Instance
from pictures import photo

from airflow_titan.errors import ConfigurationError, InvalidRequest
from airflow_titan.operators import TitanReviewOperator, TitanTextToImageOperator

ON_3 = airflow.__version__ >= "3.1"
needs_people = pytest.mark.skipif(not ON_3, reason="people can be asked from Airflow 3.1 on")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Form(list[dict[str, Any]]):
    """Stands in for Airflow's API: takes what tasks ask, one after the other."""

    def __call__(self, **asked: Any) -> None:
        """Take it."""
        self.append(asked)


@pytest.fixture(autouse=True)
def form(monkeypatch: pytest.MonkeyPatch) -> Form:
    """Give what tasks ask."""
    taken = Form()
    if ON_3:
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


def go_on(operator: Any, *options: str, **more: Any) -> tuple[Any, Instance]:
    """Go on with an answer, as Airflow does; give what is returned, and the instance with what it pushed."""
    from airflow.sdk.bases.operator import ExecutorSafeguard

    instance = _Instance()
    event = {
        "chosen_options": list(options), "params_input": {}, "responded_at": NOW, "timedout": False,
        "responded_by_user": {"id": "7", "name": "Ada"}, **more,
    }  # fmt: skip
    context = copy_context()
    context.run(ExecutorSafeguard.tracker.set, operator)
    given = {"ti": instance, "task_instance": instance}
    return context.run(operator.execute_complete, given, event), instance


def answer(operator: Any, *options: str, **more: Any) -> tuple[Any, Instance]:
    """Ask, and go on with an answer."""
    ask(operator)
    return go_on(operator, *options, **more)


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
    assert (told["task"], told["images"], told["shown"]) == ("review", 0, 3)
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
    record = instance.xcoms.pop("manifest")
    # of images that were looked at, none is counted among those that were made
    assert (record["status"], record["images"], record["shown"]) == ("complete", 0, 4)
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

    operator = review(images, minimum=2, maximum=2)
    ask(operator)
    capsys.readouterr()
    with pytest.raises(TaskAwaitingInput):
        go_on(operator, *options)
    assert len(form) == 2
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
    assert len(form) == 2
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
        ("response_timeout", timedelta.max),
        ("assigned_users", "ada"),
        ("assigned_users", [{"id": "7"}]),
        ("assigned_users", [{"id": 7, "name": "Ada"}]),
        ("notifiers", "mail"),
        ("notifiers", ["mail"]),
        ("notifiers", Form),
    ],
)
def test_what_airflow_would_stumble_over_later_is_told_at_once(field: str, value: Any) -> None:
    """By its name and with what to write, where the DAG is parsed."""
    with pytest.raises(InvalidRequest, match=rf"{field}: got .*; allowed is .*(Write|Give)"):
        review(["s3://b/1"], **{field: value})


@needs_people
def test_one_notifier_need_be_no_list_nor_of_a_class(images: list[str]) -> None:
    """A function is told too, each time that the question is put."""
    told: list[Any] = []
    ask(review(images, notifiers=told.append))
    assert [each["ti"].task_id for each in told] == ["task"]


@needs_people
@pytest.mark.filterwarnings("error")
def test_what_bounds_a_dags_tasks_does_not_bound_the_waiting() -> None:
    """Nobody's answer is too late for a limit that was meant for work, of the DAG's or the task's own."""
    limit = timedelta(minutes=5)
    with DAG("dag", schedule=None, default_args={"execution_timeout": limit}):
        of_the_dag = review(["s3://b/1"])
    own = TitanReviewOperator(task_id="own", images="s3://b/1", execution_timeout=limit)
    assert [(each.execution_timeout, each.response_timeout) for each in (of_the_dag, own)] == [(limit, None)] * 2


@needs_people
def test_a_field_of_the_authors_takes_the_place_of_ours(form: Form, images: list[str]) -> None:
    """So that the present prompt can stand in it, to be changed."""
    operator = review(images, params={"text": Param("a cup", type="string"), "style": Param("plain", type="string")})
    ask(operator)
    assert {name: each["value"] for name, each in form[0]["params"].items()} == {
        "remark": None, "text": "a cup", "style": "plain",
    }  # fmt: skip
    assert go_on(operator, "Picture 1")[1].xcoms["text"] == "a cup"


@needs_people
def test_what_a_run_was_triggered_with_is_not_what_somebody_typed(form: Form, images: list[str]) -> None:
    """Airflow lays it over params of the same name, such as the first prompt over the new one."""
    from airflow.sdk.definitions.param import process_params

    dag = DAG("dag", schedule=None, params={"text": "a cup"})
    operator = review(images, dag=dag)
    triggered: Any = (dag, operator, {"text": "a mug", "remark": "none"})
    process_params(*triggered, suppress_exception=False)
    ask(operator)
    assert {each["value"] for each in form[0]["params"].values()} == {None}
    process_params(*triggered, suppress_exception=False)
    _, instance = go_on(operator, "Picture 1")
    assert (instance.xcoms["text"], instance.xcoms["remark"]) == ("", "")


@needs_people
def test_the_chosen_are_those_that_were_shown(images: list[str]) -> None:
    """Whatever the field renders to by then: a number stands for what the person saw beside it."""
    ask(review(images[:3]))
    uris, instance = go_on(review([*images[::-1], *images]), "Picture 1")
    assert uris == [images[0]]
    assert instance.xcoms["rejected"] == images[1:3]


@needs_people
def test_an_answer_about_nobody_knows_what_chooses_nothing(images: list[str]) -> None:
    """The record of what was shown is gone, and the message says so."""
    with pytest.raises(AirflowFailException, match=r"^DamagedRecord: .*manifest\.json is gone.*Clear the task"):
        go_on(review(images), "Picture 1")


@needs_people
def test_a_task_that_asks_again_about_other_pictures_says_what_airflow_keeps(
    form: Form, images: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """As many others are shown; more or fewer don't fit into the question, which Airflow keeps as it was."""
    ask(review(images[:2]))
    with pytest.raises(AirflowFailException, match=r"images: got 3 images; allowed is 2, as .*new run"):
        _Instance(try_number=2).run(review(images[:3]))
    ask(review(images[2:]), try_number=2)
    assert "are others than this task asked about before" in caplog.text
    assert len(form) == 2
    assert go_on(review(images[2:]), "Picture 1")[0] == [images[2]]


@needs_people
def test_a_run_that_was_deleted_and_made_anew_asks_about_any_number(form: Form, images: list[str]) -> None:
    """Airflow has forgotten its question; what it left in S3 doesn't count."""
    ask(review(images[:2]))
    ask(review(images))
    assert len(form[1]["options"]) == 5


@needs_people
def test_defaults_that_came_later_are_taken_too(images: list[str]) -> None:
    """Airflow, which keeps a question as it was first asked, only says that the time is over."""
    ask(review(images, response_timeout=timedelta(hours=1)))
    later = review(images, response_timeout=timedelta(hours=1), defaults=3)
    uris, instance = go_on(later, error="The timeout has passed", error_type="timeout")
    assert uris == [images[2]]
    assert (instance.xcoms["timedout"], instance.xcoms["responded_by_user"]) == (True, None)


@needs_people
def test_what_is_built_around_the_work_is_there_for_the_answer_too(images: list[str]) -> None:
    """An operator of one's own on top of this one sees what comes out of it."""

    class Counting(TitanReviewOperator):
        def execute(self, context: Any) -> Any:
            return len(super().execute(context))

    assert answer(Counting(task_id="task", images=images), "Picture 1", "Picture 3")[0] == 2


@needs_people
def test_nobody_is_asked_about_pictures_that_nobody_shows(
    form: Form, images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come from the gallery, which can be switched off."""
    monkeypatch.setenv("AIRFLOW__TITAN__GALLERY", "False")
    with pytest.raises(AirflowFailException, match=r"^ConfigurationError: \[titan\] gallery: got False"):
        _Instance().run(review(images))
    assert form == []


@needs_people
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"id": "cup", "images": []}\n', "is neither a PNG nor a JPEG.*Of a bulk task"),
        (b"<html>sorry</html>", "is an HTML page"),
        (b"", "is an empty file"),
    ],
)
def test_what_is_no_picture_is_refused_before_anybody_is_asked(
    body: bytes, message: str, form: Form, images: list[str], s3: Any
) -> None:
    """By its first bytes, such as the file of rows that a bulk task returns."""
    s3.put_object(Bucket="titan-images", Key="in/other", Body=body)
    with pytest.raises(AirflowFailException, match=f"images: got 's3://titan-images/in/other', which {message}"):
        _Instance().run(review([*images, "s3://titan-images/in/other"]))
    assert form == []
