"""Whether the section ``[titan]`` says what can be read, and names a place for results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan import config
from airflow_titan.aws.uri import split
from airflow_titan.errors import ConfigurationError, Problems, abbreviate
from airflow_titan.models.catalog import find, models
from airflow_titan.parameters import ParameterReader, suggestion
from airflow_titan.preflight.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.preflight.deployment import Deployment

_NAME = "[titan]"


def check_settings(_: Deployment) -> Iterator[Row]:
    """Read every option; tell each that is wrong, or that nobody reads."""
    wrong = [*_unreadable(), *_unknown(), *_unknown_models()]
    yield from (Row(_NAME, "wrong", message) for message in wrong)
    if not wrong:
        set_by_hand = ", ".join(sorted(config.given() & config.OPTIONS.keys())) or "nothing, so the defaults hold"
        yield Row(_NAME, "right", f"set: {set_by_hand}")


def check_model(deployment: Deployment) -> Iterator[Row]:
    """Tell which model tasks ask for, and which they are sent to."""
    yield _model(deployment)


def check_output_root(deployment: Deployment) -> Iterator[Row]:
    """Find out whether results have a place."""
    root = deployment.output_root
    if not root:
        remedy = (
            "Set output_root = s3://your-bucket/titan in [titan], or output_prefix on every task; or try --output-root."
        )
        yield Row("output root", "wrong", "[titan] output_root: got nothing; allowed is s3://bucket/prefix.", remedy)
        return
    try:
        split(f"{root.rstrip('/')}/_")
    except ValueError as error:
        found = f"got {abbreviate(root)}, which {error}; allowed is s3://bucket/prefix."
        yield Row("output root", "wrong", found, "Correct [titan] output_root.")
        return
    yield Row("output root", "right", root)


def _unreadable() -> Iterator[str]:
    """Tell each option whose value can't be read."""
    for read in (config.patience_seconds, config.unsafe_store, config.model_routing):
        try:
            read()
        except ConfigurationError as error:
            yield str(error)
    problems = Problems()
    ParameterReader(problems).amount("[titan] max_price_usd_per_task", config.max_price_usd_per_task(), default=None)
    yield from map(str, problems)


def _unknown() -> Iterator[str]:
    """Tell each option of the section that has no meaning, as a misspelt one has."""
    for name in sorted(config.given() - config.OPTIONS.keys()):
        near = suggestion(name, config.OPTIONS)
        yield f"[titan] {name}: there is no such option; allowed are {', '.join(config.OPTIONS)}.{near}"


def _unknown_models() -> Iterator[str]:
    """
    Tell each model of ``reroute`` that isn't one.

    Tasks may be sent on from a name that is no model's; from one that is nearly a model's, nobody sends them.
    """
    try:
        routes = config.model_routing().routes
    except ConfigurationError:
        return
    for asked, target in routes.items():
        try:
            find(target)
        except ConfigurationError:
            near = suggestion(target, models())
            yield (
                f"[titan] reroute: {asked!r} goes to {target!r}, which is no known model; allowed are "
                f"{', '.join(models())}.{near}"
            )
        if not (asked.startswith("arn:") or asked in models()) and (near := suggestion(asked, models())):
            yield f"[titan] reroute: {asked!r} is no known model, so no task asks for it.{near}"


def _model(deployment: Deployment) -> Row:
    try:
        route, spec = deployment.route, deployment.spec
    except ConfigurationError as error:
        return Row("model", "wrong", str(error))
    others = ", ".join(name for name in deployment.called if name != route.model_id)
    found = route.model_id
    if route.asked_for:
        found += f", in the place of {route.asked_for} ([titan] reroute)"
    if others:
        found += f"; some tasks go to {others}"
    unable = [task for task in deployment.options.tasks if not spec.takes(task)]
    if unable:
        remedy = f"Choose another model, or of its tasks: {', '.join(spec.tasks)}."
        return Row("model", "wrong", f"{spec.id} does no {', '.join(unable)}.", remedy)
    return Row("model", "right", found)
