"""The links that a run leaves at its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import airflow
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(
    airflow.__version__ < "3", reason="Airflow 2 makes links when somebody looks, and keeps none"
)


def links(done: Any) -> dict[tuple[str, int], dict[str, Any]]:
    """Give the links of each task instance that has a result, by the class of the link."""
    return {
        (task, index): {
            key: done.xcom(task, key, index) for t, i, key in done.xcoms if (t, i) == (task, index) and "_link_" in key
        }
        for task, index in done.manifests()
    }


def test_each_task_instance_has_its_own_links(run: Callable[..., Any]) -> None:
    """Every mapped one leads to its own pictures, its own folder and the model that worked; none is signed."""
    done = run("example_titan_fan_out")
    found = links(done)
    assert len(found) == 9
    for (task, index), each in found.items():
        told = done.xcom(task, "manifest", index)
        page = each["_link_TitanImagesLink"]
        assert page.startswith("/titan/dags/example_titan_fan_out/runs/")
        assert page.endswith(f"/tasks/{task}/{index}")
        folder = told["manifest_uri"].removeprefix("s3://titan-images/").removesuffix("manifest.json")
        assert each["_link_TitanS3PrefixLink"] == (
            "https://us-east-1.console.aws.amazon.com/s3/buckets/titan-images?region=us-east-1&prefix="
            + quote(folder, safe="").replace("%20", "+")
        )
        assert each["_link_TitanBedrockModelLink"] == (
            "https://us-east-1.console.aws.amazon.com/bedrock/home?region=us-east-1#/model-catalog/serverless/"
            "amazon.titan-image-generator-v2:0"
        )
        assert "X-Amz" not in str(each)


def test_a_task_without_a_model_links_to_none(run: Callable[..., Any]) -> None:
    """What works on pixels alone has a folder, and no model."""
    each = links(run("example_titan_prepare"))["wide", -1]
    assert each["_link_TitanBedrockModelLink"] == ""
    assert "/s3/buckets/titan-images?" in each["_link_TitanS3PrefixLink"]


def test_a_task_that_fails_links_to_what_is_said_of_it(
    run: Callable[..., Any], dags: dict[str, Any], emulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no result to link to; its page tells why."""
    monkeypatch.setattr(dags["example_titan_chain"].task_dict["generate"], "retries", 0)
    emulator.inject("error_before", times=None)
    done = run("example_titan_chain")
    assert done.tasks["generate", -1] == "failed"
    assert done.xcom("generate", "_link_TitanS3PrefixLink") == ""
    assert done.xcom("generate", "_link_TitanImagesLink").endswith("/tasks/generate/-1")
