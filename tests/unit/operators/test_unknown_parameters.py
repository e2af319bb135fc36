"""A parameter that there isn't is told where the DAG is parsed, with the one that is meant."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance

from airflow_titan import operators
from airflow_titan.operators import TitanBulkOperator, TitanTextToImageOperator


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("txt", "text"), ("prompt", "text"), ("Text", "text"), ("negative_prompt", "negative_text"), ("sed", "seed"),
     ("n", "number_of_images"), ("guidance_scale", "cfg_scale"), ("modelid", "model_id"), ("retrys", "retries")],
)  # fmt: skip
def test_a_misspelt_parameter_is_told_with_the_one_that_is_meant(wrong: str, meant: str) -> None:
    """Misspelt, or as another API calls it; also where that leaves a required one out."""
    with pytest.raises(TypeError, match=rf"TitanTextToImageOperator: got the unknown parameter '{wrong}'.* {meant}\?"):
        TitanTextToImageOperator(task_id="task", **{wrong: "x"})


@pytest.mark.parametrize("name", operators.__all__)
def test_every_operator_says_what_it_takes(name: str) -> None:
    """And that it is not this."""
    with pytest.raises(
        TypeError, match=rf"{name}: got the unknown parameter 'xyz'; allowed are .*aws_conn_id.*output_"
    ):
        getattr(operators, name)(task_id="task", xyz=1)


def test_an_operator_of_ones_own_takes_names_of_its_own() -> None:
    """What is built on ours may have parameters that we don't know."""

    class Ours(TitanTextToImageOperator):
        def __init__(self, **kwargs: Any) -> None:
            self.txt = kwargs.pop("txt")
            super().__init__(text=self.txt, **kwargs)

    assert Ours(task_id="task", txt="a jar").text == "a jar"


def test_airflows_own_are_taken_and_copies_are_made() -> None:
    """Airflow copies operators without calling them."""
    operator = TitanTextToImageOperator(task_id="task", text="a jar", retries=3, default_args={"owner": "me"})
    assert copy.deepcopy(operator).retries == 3


@pytest.mark.usefixtures("emulator", "bucket")
@pytest.mark.parametrize("requests", [[{"task": "text_to_image", "prompt": "a jar"}], [{"text": "a jar"}]])
def test_a_request_of_a_bulk_task_likewise(requests: Any) -> None:
    """In a line and in the defaults."""
    defaults = {"prompt": "a jar", "task": "text_to_image"} if "text" in requests[0] else {}
    with pytest.raises(AirflowFailException, match=r"unknown parameter 'prompt'.* Did you mean text\?"):
        Instance().run(TitanBulkOperator(task_id="task", requests=requests, defaults=defaults))
