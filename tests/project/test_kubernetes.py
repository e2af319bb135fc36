"""What docs/kubernetes gives people to copy, held against the schemas of Kubernetes and against the chart's keys."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from documentation import PAGES, ROOT, blocks

from airflow_titan import __version__
from airflow_titan.aws.deadline import answer_seconds, transfer_seconds
from airflow_titan.bulk.runner import DRAIN_SECONDS
from airflow_titan.hooks.bedrock import TitanBedrockHook

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ROOT / "docs" / "kubernetes"
PAGE = PAGES["docs/kubernetes/index.md"]
VALUES = ["values.yaml", "values-keda.yaml", "values-spot.yaml"]
#: The versions of Kubernetes that the page promises.
VERSIONS = ["1.30", "1.37"]
#: An unpacked chart of Airflow, whose own schema is asked where somebody has one: no package index has it.
CHART = os.environ.get("TITAN_AIRFLOW_CHART")

#: What the values use of the chart, 1.22.0, and of what kind each is; restated by hand on 2026-11-26. Of workers
#: ``celery`` and ``kubernetes`` have most keys in common; ``config`` takes any section and option of Airflow.
_WORKERS = {
    "terminationGracePeriodSeconds": int,
    "safeToEvict": bool,
    "podAnnotations": dict,
    "serviceAccount.create": bool,
    "serviceAccount.name": str,
    "serviceAccount.annotations": dict,
    "resources": dict,
    "env": list,
    "extraVolumes": list,
    "extraVolumeMounts": list,
    "affinity": dict,
    "tolerations": list,
}
_CELERY_ONLY = {
    "replicas": int,
    "persistence.enabled": bool,
    "podDisruptionBudget.enabled": bool,
    "podDisruptionBudget.config": dict,
    "keda.enabled": bool,
    "keda.pollingInterval": int,
    "keda.cooldownPeriod": int,
    "keda.minReplicaCount": int,
    "keda.maxReplicaCount": int,
    "keda.advanced": dict,
}
CHART_KEYS: dict[str, type] = {
    "executor": str,
    "airflowVersion": str,
    "images.airflow.repository": str,
    "images.airflow.tag": str,
    "images.pod_template.repository": str,
    "images.pod_template.tag": str,
    "env": list,
    "config": dict,
    "postgresql.enabled": bool,
    "apiServer.serviceAccount.annotations": dict,
    "triggerer.serviceAccount.annotations": dict,
    **{f"workers.celery.{key}": kind for key, kind in (_WORKERS | _CELERY_ONLY).items()},
    **{f"workers.kubernetes.{key}": kind for key, kind in _WORKERS.items()},
}


def read(name: str) -> Any:
    """Read one of the files."""
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Lay one file of values over another, as Helm does."""
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = merge(below[key], value) if nested else value
    return merged


def all_values() -> dict[str, Any]:
    """Give the values with both files on top."""
    merged: dict[str, Any] = {}
    for name in VALUES:
        merged = merge(merged, read(name))
    return merged


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what the values set, by the chart's own keys; what lies below those is Kubernetes' or Airflow's."""
    if path in CHART_KEYS or not isinstance(values, dict):
        yield path, values
    else:
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}".removeprefix("."))


def pod_of(workers: dict[str, Any]) -> dict[str, Any]:
    """Make the pod of the values of some workers, of the fields that the chart copies into it."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "annotations": workers["podAnnotations"]},
        "spec": {
            "terminationGracePeriodSeconds": workers["terminationGracePeriodSeconds"],
            "serviceAccountName": workers["serviceAccount"]["name"],
            "affinity": workers["affinity"],
            "tolerations": workers["tolerations"],
            "containers": [
                {
                    "name": "base",
                    "resources": workers["resources"],
                    "env": workers["env"],
                    "volumeMounts": workers["extraVolumeMounts"],
                }
            ],
            "volumes": workers["extraVolumes"],
        },
    }


def pods() -> dict[str, Any]:
    """Give each pod that tasks run in."""
    workers = all_values()["workers"]
    return {
        "celery": pod_of(workers["celery"]),
        "kubernetes": pod_of(workers["kubernetes"]),
        "template": read("pod-template.yaml"),
    }


def size(quantity: str) -> int:
    """Read an amount of bytes; any other form is an error."""
    found = re.fullmatch(r"(\d+)(Mi|Gi)", quantity)
    assert found, quantity
    return int(found[1]) << {"Mi": 20, "Gi": 30}[found[2]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["celery", "kubernetes", "template"])
def test_pods_are_what_kubernetes_takes(name: str, version: str) -> None:
    """The template, and what the values say of pods, have fields that Kubernetes knows, of the kind that it takes."""
    kubernetes_validate.validate(pods()[name], version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_scaling_is_what_kubernetes_takes(version: str) -> None:
    """KEDA hands the behavior on to an autoscaler of Kubernetes."""
    advanced = all_values()["workers"]["celery"]["keda"]["advanced"]["horizontalPodAutoscalerConfig"]
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "workers"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "airflow-worker"}, "maxReplicas": 8, **advanced},
    }
    kubernetes_validate.validate(scaler, version, strict=True)


@pytest.mark.parametrize("name", VALUES)
def test_values_use_keys_of_the_chart(name: str) -> None:
    """Each key is one of the chart's, of the kind that it takes; what a chart doesn't know it ignores in silence."""
    for path, value in leaves(read(name)):
        assert path in CHART_KEYS, path
        assert type(value) is CHART_KEYS[path], (path, value)


@pytest.mark.skipif(not CHART, reason="TITAN_AIRFLOW_CHART names no folder with the unpacked chart, which no index has")
def test_the_chart_takes_the_values() -> None:
    """The chart's own schema finds nothing wrong, and its own values have every key that we use."""
    import jsonschema

    own = yaml.safe_load((Path(str(CHART)) / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((Path(str(CHART)) / "values.schema.json").read_text(encoding="utf-8"))
    for path in CHART_KEYS:
        node = own
        for key in path.split("."):
            assert key in node, path
            node = node[key]
    jsonschema.validate(merge(own, all_values()), schema)


@pytest.mark.parametrize("name", ["celery", "kubernetes", "template"])
def test_temporary_files_have_a_disk(name: str) -> None:
    """``TMPDIR`` is a volume that isn't memory, and is full before the pod has more disk than it may."""
    spec = pods()[name]["spec"]
    base = spec["containers"][0]
    (folder,) = [entry["value"] for entry in base["env"] if entry["name"] == "TMPDIR"]
    (mount,) = [mount["name"] for mount in base["volumeMounts"] if mount["mountPath"] == folder]
    (disk,) = [volume["emptyDir"] for volume in spec["volumes"] if volume["name"] == mount]
    assert "medium" not in disk
    assert size(disk["sizeLimit"]) < size(base["resources"]["limits"]["ephemeral-storage"])


@pytest.mark.parametrize("name", ["celery", "kubernetes", "template"])
def test_pods_ask_for_what_they_need(name: str) -> None:
    """Processor, memory and disk are asked for and the last two bounded; a limit of CPU only makes a burst wait."""
    resources = pods()[name]["spec"]["containers"][0]["resources"]
    assert set(resources["requests"]) == {"cpu", "memory", "ephemeral-storage"}
    assert set(resources["limits"]) == {"memory", "ephemeral-storage"}
    assert all(size(resources["limits"][key]) >= size(resources["requests"][key]) for key in resources["limits"])


def longest_call() -> float:
    """Return the seconds that a call may take, as our clients are made."""
    client, _ = TitanBedrockHook(aws_conn_id=None, region_name="us-east-1").clients()
    return answer_seconds(client) + transfer_seconds(client)


def test_pods_may_end_in_peace() -> None:
    """A pod has time for the longest call and for a bulk task that was told; the page names these numbers."""
    assert f"| one call at its longest | {longest_call():g} |" in PAGE
    assert f"{DRAIN_SECONDS:g} for answers under way" in PAGE
    for name, pod in pods().items():
        assert pod["spec"]["terminationGracePeriodSeconds"] >= longest_call() + 2 * DRAIN_SECONDS, name


def test_the_last_worker_goes_later_than_it_may_take_to_end() -> None:
    """Else KEDA would take a worker away that is still ending."""
    celery = all_values()["workers"]["celery"]
    assert celery["keda"]["cooldownPeriod"] > celery["terminationGracePeriodSeconds"]


def test_the_template_is_the_pod_that_the_values_make() -> None:
    """What both say of a task's pod, they say alike."""
    made, template = pods()["kubernetes"]["spec"], pods()["template"]["spec"]
    assert template["terminationGracePeriodSeconds"] == made["terminationGracePeriodSeconds"]
    assert template["serviceAccountName"] == made["serviceAccountName"]
    assert template["containers"][0]["name"] == "base"
    assert template["containers"][0]["resources"] == made["containers"][0]["resources"]
    assert [volume for volume in template["volumes"] if volume["name"] == "scratch"] == made["volumes"]


def test_the_image_is_the_one_that_is_tested_and_has_no_emulator() -> None:
    """Values, template and recipe name one version of Airflow, which the constraints pin, and this package's own."""
    (recipe,) = [block.code for block in blocks("dockerfile") if block.page == "docs/kubernetes/index.md"]
    airflow = re.findall(r"^apache-airflow==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[0]
    assert f"FROM apache/airflow:{airflow}\n" in recipe
    assert f'"apache-airflow=={airflow}" "airflow-titan=={__version__}"' in recipe
    assert "emulator" not in recipe
    values, tag = read("values.yaml"), f"{airflow}-titan-{__version__}"
    assert values["airflowVersion"] == airflow
    assert {image["tag"] for image in values["images"].values()} == {tag}
    assert read("pod-template.yaml")["spec"]["containers"][0]["image"].endswith(f":{tag}")


def test_nothing_secret_is_in_the_values() -> None:
    """The pod's role is the identity: no file names a key, and connections hold none."""
    for path in FOLDER.glob("*.yaml"):
        assert not re.search(r"AWS_SECRET|AWS_ACCESS_KEY|aws_secret|password", path.read_text(encoding="utf-8"))


def test_what_is_said_to_be_measured_is() -> None:
    """Each row of the table names a test that there is, or says that none is."""
    table = PAGE.partition("## What a SIGTERM does")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    for row in rows:
        by = row.rstrip(" |").rpartition("| ")[2]
        named = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", by)
        assert by.startswith("no test;") or (named and f"def {named[2]}(" in (ROOT / named[1]).read_text()), row
    where = {row.split("|")[1].partition(",")[0].strip() for row in rows}
    assert where == {"any executor", "Local", "Celery", "Kubernetes"}
