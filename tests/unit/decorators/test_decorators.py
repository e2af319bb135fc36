"""A function whose result is an operator's request: what it may return, and what is told of the rest."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    XComArg,
    literal,
    task,
)
from instance import Instance

from airflow_titan import decorators, get_provider_info, operators
from airflow_titan.decorators import DECORATORS
from airflow_titan.operators import TitanTextToImageOperator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SMALL = {"width": 512, "height": 512}


def made(name: str, returned: Any, **kwargs: Any) -> Any:
    """Decorate a function that returns a value, call it in a DAG, and give the operator."""
    with DAG("dag", schedule=None):

        @getattr(decorators, name)(**kwargs)
        def function() -> Any:
            return returned

        return function().operator


def ran(name: str, returned: Any, **kwargs: Any) -> Any:
    """Run such an operator."""
    return Instance().run(made(name, returned, **kwargs))


def refusal(name: str, returned: Any, **kwargs: Any) -> str:
    """Run such an operator, which fails for good before anything is paid, and give its message."""
    instance = Instance()
    with pytest.raises(AirflowFailException) as caught:
        instance.run(made(name, returned, **kwargs))
    assert instance.xcoms["failure"]["error"] == "InvalidRequest"
    return str(caught.value)


@pytest.fixture
def picture(bucket: str) -> str:
    """Make a picture."""
    del bucket  # it only has to be there
    uris = Instance(task_id="picture").run(TitanTextToImageOperator(task_id="picture", text="a cup", **SMALL))
    return uris[0]


def sent(emulator: Any) -> dict[str, Any]:
    """Give the parameters of the last call's task."""
    return next(value for key, value in emulator.calls[-1].body.items() if key.endswith("Params"))


def test_the_provider_tells_airflow_of_each_decorator() -> None:
    """Each name of the table, once, importable as Airflow imports it, on an operator that there is."""
    told = get_provider_info()["task-decorators"]
    assert [each["name"] for each in told] == list(DECORATORS)
    for each in told:
        module, _, name = each["class-name"].rpartition(".")
        assert module == "airflow_titan.decorators"
        assert callable(getattr(decorators, name))
        operator = getattr(operators, DECORATORS[name].operator)
        assert DECORATORS[name].parameter in operator.template_fields
    assert task.titan_inpainting is decorators.titan_inpainting


def test_every_task_of_a_model_has_a_decorator() -> None:
    """Whoever adds such an operator adds a row to the table."""
    from airflow_titan.operators.base_model import TitanModelOperator

    every = {name for name in operators.__all__ if issubclass(getattr(operators, name), TitanModelOperator)}
    assert {each.operator for each in DECORATORS.values()} == every


def test_there_is_no_other() -> None:
    """A name that isn't in the table is none of the module's."""
    with pytest.raises(AttributeError, match="titan_inpaint"):
        _ = decorators.titan_inpaint


@pytest.mark.usefixtures("bucket")
def test_a_returned_text_is_the_prompt(emulator: Any) -> None:
    """The rest is the decorator's, and the result is the operator's."""
    uris = ran("titan_text_to_image", "a red cup", **SMALL)
    assert [uri.startswith("s3://") for uri in uris] == [True]
    assert sent(emulator) == {"text": "a red cup"}
    assert emulator.calls[-1].body["imageGenerationConfig"]["width"] == 512


def test_a_returned_dict_gives_several(emulator: Any, picture: str) -> None:
    """A picture too, which the operator can't do without."""
    assert ran("titan_inpainting", {"image": [picture], "text": "a blue cup"}, mask_prompt="cup")
    assert (sent(emulator)["text"], sent(emulator)["maskPrompt"]) == ("a blue cup", "cup")


@pytest.mark.usefixtures("bucket")
def test_what_the_function_says_wins(emulator: Any) -> None:
    """The decorator says what holds for all calls, the function what holds for this one; None takes it away."""
    given = {"text": "a cup", "width": 768, "height": 768, "negative_text": None}
    ran("titan_text_to_image", given, **SMALL, negative_text="people")
    assert emulator.calls[-1].body["imageGenerationConfig"]["width"] == 768
    assert sent(emulator) == {"text": "a cup"}


@pytest.mark.parametrize("several", [False, True])
def test_a_returned_picture_is_cut_out(several: bool, emulator: Any, picture: str) -> None:  # noqa: FBT001 - a parameter
    """Background removal has no text: its URI, or the list that a task before it returned."""
    assert len(ran("titan_background_removal", [picture] if several else picture)) == 1
    assert "image" in sent(emulator)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("kind", ["generator", "list", "tuple", "uri", "dict"])
def test_a_bulk_task_takes_whatever_holds_requests(kind: str, emulator: Any, s3: Any) -> None:
    """A generator is read as it goes; a URI is a file; a dict gives other parameters too."""
    rows = [{"id": name, "text": f"a {name} {{{{ not_a_template }}}}"} for name in ("cup", "pot")]

    def generator() -> Iterator[dict[str, Any]]:
        yield from rows

    s3.put_object(Bucket="titan-images", Key="in.jsonl", Body=b'{"id": "cup", "text": "a cup"}\n{"text": "a pot"}\n')
    value: Any = {
        "generator": generator(),
        "list": rows,
        "tuple": tuple(rows),
        "uri": "s3://titan-images/in.jsonl",
        "dict": {"requests": generator(), "max_price_usd": 1},
    }[kind]
    operator = made("titan_bulk", value, defaults={"task": "text_to_image", **SMALL})
    assert Instance().run(operator).startswith("s3://titan-images/results/dag/run/task/")
    texts = {call.body["textToImageParams"]["text"] for call in emulator.calls}
    assert texts == ({"a cup", "a pot"} if kind == "uri" else {row["text"] for row in rows})
    if kind != "uri":
        # what Airflow keeps of it to show is no list of thousands
        assert repr(operator.requests) == "2 requests of the function"


@pytest.mark.usefixtures("bucket")
def test_what_a_generator_raises_is_its_own() -> None:
    """A file that the function doesn't find is no lack of the worker's disk, and no call is made before it is found."""

    def generator() -> Iterator[dict[str, Any]]:
        yield {"text": "a cup"}
        raise FileNotFoundError(2, "No such file", "products.csv")

    with pytest.raises(FileNotFoundError, match=r"products\.csv"):
        ran("titan_bulk", generator(), defaults={"task": "text_to_image"})


@pytest.mark.usefixtures("bucket")
def test_templates_in_what_is_returned_are_rendered(emulator: Any) -> None:
    """As Airflow does for its own decorators; braces alone mean nothing to Jinja, and literal() keeps the rest."""
    context = {"what": "cup"}
    with DAG("dag", schedule=None):

        @task.titan_text_to_image(**SMALL)
        def function(text: Any) -> Any:
            return text

        texts = ["a {{ what }}", "a {curly} cup %", literal("a {{ what }}")]
        for text, index in zip(texts, range(3), strict=True):
            function(text).operator.execute({"ti": Instance(task_id=f"t{index}"), **context})
    assert [call.body["textToImageParams"]["text"] for call in emulator.calls] == [
        "a cup", "a {curly} cup %", "a {{ what }}",
    ]  # fmt: skip


@pytest.mark.usefixtures("bucket")
def test_the_function_gets_what_it_asks_for_of_the_context(emulator: Any) -> None:
    """As every decorated function does; and it may be asynchronous."""
    with DAG("dag", schedule=None):

        @task.titan_text_to_image(**SMALL)
        async def function(thing: str, run_id: str | None = None) -> str:
            return f"a {thing} of {run_id}"

        function("cup").operator.execute({"ti": Instance(), "run_id": "today"})
    assert sent(emulator)["text"] == "a cup of today"


async def _many() -> AsyncIterator[dict[str, str]]:
    yield {"text": "a cup"}


class _Frame:
    """Looks like a data frame."""

    def to_dict(self) -> dict[str, str]:
        """Give its columns."""
        return {}

    def __iter__(self) -> Iterator[str]:
        return iter(["text"])


@pytest.mark.parametrize(
    ("name", "returned", "words"),
    [
        ("titan_text_to_image", None, ["return: got nothing (None)", "in a return", "AirflowSkipException"]),
        ("titan_text_to_image", 3, ["return: got a value of type int; allowed is text, or a dict"]),
        ("titan_text_to_image", ["a", "b"], ["type list", "@task.titan_bulk"]),
        ("titan_text_to_image", b"secret", ["type bytes"]),
        ("titan_text_to_image", (part for part in "ab"), ["type generator", "Return one text"]),
        ("titan_text_to_image", {"prompt": "a cup", "text": "x"}, ["key: got 'prompt'", "Did you mean text?"]),
        ("titan_text_to_image", {"text": "x", "retries": 3}, ["key: got 'retries'", "Leave it out"]),
        ("titan_text_to_image", {"text": "x", 3: 4}, ["key: got 3"]),
        ("titan_text_to_image", {}, ["text: got nothing", "Add 'text' to the dict"]),
        ("titan_text_to_image", {"text": 5}, ["text: got a value of type int"]),
        ("titan_text_to_image", "  ", ["text: got"]),
        ("titan_text_to_image", "a secret {{ cup", ["text: got a template", "TemplateSyntaxError", "literal(text)"]),
        ("titan_text_to_image", {"text": "{{ secret }}"}, ["text: got a template", "UndefinedError", "literal(text)"]),
        ("titan_inpainting", "a cup", ["image: got nothing", "Give image to the decorator", "a dict with 'image'"]),
        ("titan_inpainting", {"text": "a cup"}, ["image: got nothing", "Add 'image' to the dict"]),
        ("titan_background_removal", None, ["return: got nothing", "an image's s3:// URI"]),
        ("titan_background_removal", 3, ["type int"]),
        ("titan_bulk", None, ["return: got nothing", "a list or generator of requests"]),
        ("titan_bulk", 7, ["type int"]),
        ("titan_bulk", _Frame(), ["type _Frame", "frame.to_dict('records')"]),
        ("titan_bulk", _many(), ["without async"]),
        ("titan_bulk", {"text": "a cup"}, ["key: got 'text'", "requests: got nothing"]),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_what_is_no_request_is_told_before_anything_is_paid(
    name: str, returned: Any, words: list[str], emulator: Any
) -> None:
    """The task fails for good: what it is, what is allowed, what to do; and what it holds is not repeated."""
    message = refusal(name, returned)
    assert [word for word in words if word not in message] == [], message
    assert "secret" not in message
    assert list(emulator.calls) == []


@pytest.mark.usefixtures("bucket")
def test_another_tasks_output_belongs_into_the_arguments() -> None:
    """It isn't there before that task has run, and Airflow wouldn't know of the dependency."""
    with DAG("dag", schedule=None):
        other = TitanTextToImageOperator(task_id="other", text="a cup")
    for returned in (XComArg(other), [XComArg(other)], {"image": XComArg(other)}, {"image": [XComArg(other)]}):
        assert "as an argument" in refusal("titan_background_removal", returned)


def test_a_function_that_skips_is_skipped() -> None:
    """Its own errors pass as they are."""
    with DAG("dag", schedule=None):

        @task.titan_text_to_image
        def function() -> str:
            raise AirflowSkipException("nothing to draw")

        operator = function().operator
    with pytest.raises(AirflowSkipException, match="nothing to draw"):
        Instance().run(operator)


def test_what_is_missing_is_told_where_the_dag_is_parsed() -> None:
    """A function that says it returns text can't give the picture as well."""
    with DAG("dag", schedule=None):

        @task.titan_inpainting(mask_prompt="cup")
        def function() -> str:
            return "a cup"

        with pytest.raises((TypeError, AirflowException), match="missing keyword argument 'image'"):
            function()
        assert function.override(image="s3://bucket/cup.png")().operator.image == "s3://bucket/cup.png"


def test_a_misspelt_parameter_is_told_where_the_dag_is_parsed() -> None:
    """In the decorator, also of a task that is mapped, and in override()."""
    with pytest.raises(TypeError, match=r"@task.titan_inpainting: got the unknown parameter 'mask_promt'.*mask_prompt"):
        decorators.titan_inpainting(mask_promt="cup")
    with DAG("dag", schedule=None):

        @task.titan_text_to_image
        def function() -> str:
            return "a cup"

        with pytest.raises(TypeError, match=r"@task.titan_text_to_image: .*'widht'.* Did you mean width\?"):
            function.override(widht=3)()


def test_default_args_are_the_operators_too() -> None:
    """What the DAG says for all its tasks fills what the decorator leaves out, required or not."""
    defaults = {"image": "s3://bucket/cup.png", "aws_conn_id": "mine", "retries": 7}
    with DAG("dag", schedule=None, default_args=defaults):

        @task.titan_inpainting
        def function() -> str:
            return "a cup"

        operator = function().operator
    assert (operator.image, operator.aws_conn_id, operator.retries) == ("s3://bucket/cup.png", "mine", 7)


def test_the_tasks_of_a_function_are_airflows_own_kind() -> None:
    """Names, numbers, documentation, dependencies and mapping are what Airflow makes of any decorated function."""
    with DAG("dag", schedule=None):

        @task.titan_text_to_image
        def cup(thing: str) -> str:
            """Draw a **cup**."""
            return thing

        @task.titan_inpainting(mask_prompt="cup", image=cup("a"))
        def blue() -> str:
            return "a blue cup"

        first, second = blue().operator, cup("b").operator
        mapped = cup.partial().expand(thing=["c", "d"]).operator
        each = blue.override(task_id="each").expand_kwargs([{}]).operator
    assert first.upstream_task_ids == {"cup"}
    assert (second.task_id, second.doc_md) == ("cup__1", "Draw a **cup**.")
    assert (mapped.task_id, mapped.operator_name, each.task_id) == ("cup__2", "@task.titan_text_to_image", "each")


def test_a_result_is_one() -> None:
    """A function that says it returns a dict makes a task that returns a list all the same."""
    with DAG("dag", schedule=None):

        @task.titan_text_to_image
        def function() -> dict[str, Any]:
            return {"text": "a cup"}

        assert function().operator.multiple_outputs is False
    with pytest.raises(TypeError, match="multiple_outputs must be left out"):
        decorators.titan_bulk(multiple_outputs=True)
    # a task that is mapped is made when it begins
    given = {"python_callable": function.function, "task_id": "mapped", "multiple_outputs": True}
    with pytest.raises(TypeError, match="multiple_outputs must be left out"):
        function.operator_class(**given)


@pytest.mark.parametrize("name", DECORATORS)
def test_help_tells_the_operators_parameters(name: str) -> None:
    """All but what the function gives, each optional, because the function may give it."""
    function = getattr(decorators, name)
    shown = inspect.signature(function).parameters
    assert set(getattr(operators, DECORATORS[name].operator).template_fields) <= shown.keys()
    assert all(each.default is not each.empty for each in shown.values() if each.kind is each.KEYWORD_ONLY)
    assert ":param aws_conn_id:" in (function.__doc__ or "")
