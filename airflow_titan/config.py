"""
The section ``[titan]`` of Airflow's configuration: its options, their defaults, and how each is read.

May enter the packages that ``models`` may, and that one. Airflow itself asks for :func:`provider_config` while it makes
its configuration, so nothing of Airflow is imported before an option is read.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_titan.errors import ConfigurationError, abbreviate

if TYPE_CHECKING:
    from airflow_titan.models.routing import ModelRouting

SECTION = "titan"
#: The words for truth values that Airflow's own options take.
_TRUTHS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@dataclass(frozen=True)
class Option:
    """
    One option, in the words of Airflow's provider information.

    :param default: as ``airflow.cfg`` would have it; ``None``: not set
    :param example: a value to show; ``None`` where the default is one
    """

    description: str
    type: Literal["string", "float", "boolean"]
    default: str | None = None
    example: str | None = None
    version_added: str = "1.0.0"


OPTIONS = {
    "model_id": Option(
        "Bedrock model id or ARN of tasks that name no model. The default is a retired one, so set it.",
        type="string",
        # the version with more tasks
        default="amazon.titan-image-generator-v2:0",
    ),
    "output_root": Option(
        "Where results of tasks without output_prefix lie, by DAG, run and task below it.",
        type="string",
        example="s3://my-bucket/titan",
    ),
    "reroute": Option(
        "A JSON object from model id to model id: tasks that ask for the first are sent to the second. For models that "
        "have reached the end of their life.",
        type="string",
        example='{"amazon.titan-image-generator-v2:0": "stability.sd3-5-large-v1:0"}',
    ),
    "max_price_usd_per_task": Option(
        "The estimated price in US dollars above which a task fails before it calls the model, unless it sets "
        "max_price_usd itself. None if not set.",
        type="float",
        example="0.25",
    ),
    "patience_seconds": Option(
        "How long a task waits in all for a service that is throttled (429), unavailable (503) or refuses connections, "
        "before it leaves the rest to Airflow's retries.",
        type="float",
        default="120",
    ),
    "asset_per_result": Option(
        "Whether each image, or result file of a bulk task, is an asset of its own where an AssetAlias is among the "
        "outlets of a task. Each asset stays in Airflow's database for good; by default there is one for all runs.",
        type="boolean",
        default="False",
    ),
    "guardrail_id": Option(
        "Id or ARN of the guardrail of Amazon Bedrock that looks at words and pictures, for tasks that name none. None "
        "if not set.",
        type="string",
        example="a1b2c3d4e5f6",
        version_added="1.1.0",
    ),
    "guardrail_version": Option(
        "The version of that guardrail: a number, or DRAFT. DRAFT if not set.",
        type="string",
        example="3",
        version_added="1.1.0",
    ),
    "unsafe_store": Option(
        "Whether to work with a store that is not S3 and ignores or refuses conditional writes. Nothing can keep two "
        "workers from paying for the same picture then.",
        type="boolean",
        default="False",
    ),
    "gallery": Option(
        "Whether Airflow's web UI (3.1 and later) shows the pictures of tasks: the tab Images, and the page Titan.",
        type="boolean",
        default="True",
        version_added="1.0.0",
    ),
    "gallery_cache_mb": Option(
        "How many MiB of thumbnails each process of the api-server keeps in memory.",
        type="float",
        default="64",
        version_added="1.0.0",
    ),
}


def provider_config() -> dict[str, Any]:
    """Return the section as Airflow's provider information describes it."""
    return {
        SECTION: {
            "description": "What tasks of this provider use when they name nothing themselves.",
            "options": {name: asdict(option) for name, option in OPTIONS.items()},
        }
    }


def given() -> set[str]:
    """Return the names of all options that somebody set, also of those that don't exist."""
    from airflow.providers.common.compat.sdk import conf

    prefix = f"AIRFLOW__{SECTION.upper()}__"
    # an Airflow that doesn't know the section looks for none of its options in the environment
    in_environment = {
        name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)
    }
    section = conf.getsection(SECTION) or in_environment
    # Airflow 2 lists the defaults of providers too
    return {name for name, value in section.items() if name not in OPTIONS or str(value) != OPTIONS[name].default}


def output_root() -> str | None:
    """Return the prefix that results of tasks without one of their own lie below, if there is any."""
    return _read("output_root")


def model_routing() -> ModelRouting:
    """
    Return which model requests go to, where tasks name none or one that is rerouted.

    :raises ConfigurationError: if ``reroute`` is no JSON object from model id to model id
    """
    from airflow_titan.models.routing import ModelRouting

    return ModelRouting.of(_read("model_id") or "", _read("reroute"))


def max_price_usd_per_task() -> str | None:
    """Return what a task may cost in US dollars, as it stands there; ``None``: anything."""
    return _read("max_price_usd_per_task") or None


def guardrail() -> tuple[str | None, str | None]:
    """Return the guardrail of tasks that name none, as it stands there: its id and its version; ``None``: none."""
    return _read("guardrail_id") or None, _read("guardrail_version") or None


def patience_seconds() -> float:
    """
    Return how long a task waits for a service that is throttled or unavailable.

    :raises ConfigurationError: if it is no number
    """
    value = _read("patience_seconds") or ""
    try:
        return float(value)
    except ValueError as error:
        raise _refused("patience_seconds", value, "a number of seconds") from error


def unsafe_store() -> bool:
    """
    Tell whether stores may ignore conditional writes.

    :raises ConfigurationError: if it is no truth value
    """
    return _read_truth("unsafe_store")


def gallery() -> bool:
    """
    Tell whether Airflow's web UI shows the pictures of tasks.

    :raises ConfigurationError: if it is no truth value
    """
    return _read_truth("gallery")


def gallery_cache_bytes() -> int:
    """
    Return how many bytes of thumbnails a process of the api-server keeps.

    :raises ConfigurationError: if it is no number of MiB from 0 on
    """
    value = _read("gallery_cache_mb") or ""
    try:
        size = float(value)
        if not 0 <= size < float("inf"):
            raise ValueError(value)
    except ValueError as error:
        raise _refused("gallery_cache_mb", value, "a number of MiB from 0 on") from error
    return int(size * (1 << 20))


def asset_per_result() -> bool:
    """
    Tell whether each result is an asset of its own, where a task has an alias for them and says nothing else.

    :raises ConfigurationError: if it is no truth value
    """
    return _read_truth("asset_per_result")


def _read_truth(name: str) -> bool:
    """Read an option that is a truth value."""
    value = _read(name) or ""
    try:
        # Airflow allows a comment behind a truth value
        return _TRUTHS[value.partition("#")[0].strip().lower()]
    except KeyError as error:
        raise _refused(name, value, "True or False") from error


def _read(name: str) -> str | None:
    """Return the text of an option, or its default."""
    from airflow.providers.common.compat.sdk import conf

    value: str | None = conf.get(SECTION, name, fallback=OPTIONS[name].default)
    return value


def _refused(name: str, value: str, limit: str) -> ConfigurationError:
    remedy = f"Correct it in airflow.cfg or AIRFLOW__{SECTION.upper()}__{name.upper()}, or leave it out."
    return ConfigurationError(f"[{SECTION}] {name}: got {abbreviate(value)}; allowed is {limit}. {remedy}")
