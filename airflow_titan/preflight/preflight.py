"""All checks, in the order in which a newcomer puts things right."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from airflow_titan.errors import TitanError
from airflow_titan.preflight.access import (
    check_bedrock_endpoint,
    check_connections,
    check_credentials,
    check_read_timeout,
    check_region,
    check_s3_endpoint,
)
from airflow_titan.preflight.answers import described
from airflow_titan.preflight.bucket import check_bucket, check_lifetime, check_objects, check_versioning
from airflow_titan.preflight.guardrail import check_guardrail
from airflow_titan.preflight.model_access import check_models
from airflow_titan.preflight.report import Row
from airflow_titan.preflight.settings import check_model, check_output_root, check_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_titan.preflight.deployment import Deployment

log = logging.getLogger(__name__)


class Check(NamedTuple):
    """
    One check, and those that must have gone well before it makes sense.

    :param name: names it where it is skipped or fails itself
    :param run: gives the rows
    :param needs: the names of others
    :param each_region: whether it is made in each region that models are asked in
    """

    name: str
    run: Callable[[Deployment], Iterator[Row]]
    needs: tuple[str, ...] = ()
    each_region: bool = False


CHECKS = (
    Check("[titan]", check_settings),
    Check("model", check_model),
    Check("output root", check_output_root),
    Check("connection", check_connections),
    Check("credentials", check_credentials, ("connection",)),
    Check("region", check_region, ("model", "credentials"), each_region=True),
    Check("read timeout", check_read_timeout, ("region",)),
    Check("endpoint s3", check_s3_endpoint, ("credentials",)),
    Check("bucket", check_bucket, ("output root", "endpoint s3")),
    Check("objects", check_objects, ("bucket",)),
    Check("lifecycle rules", check_lifetime, ("bucket",)),
    Check("versioning", check_versioning, ("bucket",)),
    Check("endpoint bedrock-runtime", check_bedrock_endpoint, ("region",), each_region=True),
    Check("model access", check_models, ("endpoint bedrock-runtime",), each_region=True),
    Check("guardrail", check_guardrail, ("endpoint bedrock-runtime",)),
)


def preflight(deployment: Deployment) -> list[Row]:
    """
    Look at a deployment, and pay nothing.

    :return: all that was looked at; nothing that goes wrong raises
    """
    rows: list[Row] = []
    failed: dict[str, str] = {}
    for check in CHECKS:
        for place in deployment.places if check.each_region else (deployment,):
            name = place.named(check.name)
            # what is wrong everywhere, and what is wrong in this region
            needs = (each for need in check.needs for each in (need, place.named(need)))
            blocker = next((need for need in needs if need in failed), None)
            found = [Row(check.name, "skipped", f"{failed[blocker]} comes first")] if blocker else _run(check, place)
            rows += [replace(row, name=place.named(row.name)) for row in found]
            if blocker:
                failed[name] = failed[blocker]
            elif any(row.status == "wrong" for row in found):
                failed[name] = name
    return rows


def _run(check: Check, deployment: Deployment) -> list[Row]:
    rows: list[Row] = []
    try:
        for row in check.run(deployment):
            rows.append(row)  # noqa: PERF402 - what came before a failure counts
    except (TitanError, ClientError, BotoCoreError) as error:
        rows.append(Row(check.name, "wrong", described(error)))
    except Exception as error:
        # a check that fails is a row as well, and never a traceback
        log.debug("the check of %s failed", check.name, exc_info=True)
        rows.append(Row(check.name, "unknown", described(error)))
    return rows
