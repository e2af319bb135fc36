"""
What users and their programs name: none of it goes, is renamed or gets another default without being seen here.

Each snapshot is a text file. ``.venv/bin/python tests/face/test_face.py`` writes them anew; then look at the
difference. What lies in S3 and in XCom is kept in ``tests/records``, and ``faults.txt`` is written by hand.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
import sys
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

HERE = Path(__file__).parent


def provided() -> dict[str, Any]:
    """Ask the provider what it brings, as Airflow does."""
    (point,) = [point for point in entry_points(group="apache_airflow_provider") if point.name == "provider_info"
                and point.dist and point.dist.name == "airflow-titan"]  # fmt: skip
    return point.load()()  # type: ignore[no-any-return]


def operators() -> Iterator[str]:
    """Tell each operator's parameters with their defaults; whatever can be given is a template field."""
    import airflow_titan.operators as public

    for name in sorted(public.__all__):
        kind = getattr(public, name)
        yield name
        needed = {field for field in kind.template_fields if not _is_made(kind, field)}
        made = kind(task_id="task", **dict.fromkeys(needed, "given"))
        for field in sorted(kind.template_fields):
            yield f"  {field}: required" if field in needed else f"  {field} = {getattr(made, field)!r}"
        for field, renderer in sorted(kind.template_fields_renderers.items()):
            yield f"  {field} is shown as {renderer}"


def _is_made(kind: Any, without: str) -> bool:
    """Tell whether an operator can be made without one of its parameters."""
    from airflow.providers.common.compat.sdk import AirflowException

    try:
        # a template, which nobody can hold against anything before it is rendered
        kind(task_id="task", **{field: "{{ given }}" for field in kind.template_fields if field != without})
    except (TypeError, AirflowException):
        return False
    return True


def errors() -> Iterator[str]:
    """Tell the names that rows and messages call errors by, and whether Airflow tries again."""
    from airflow_titan import errors as public

    tree = [kind for kind in vars(public).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    told = {public.ConfigurationError, public.ModelUnavailable}
    told |= {kind for kind in tree if not any(kind is not other and issubclass(other, kind) for other in tree)}
    (end,) = public.InvalidRequest.__bases__
    for kind in sorted(told, key=lambda kind: kind.__name__):
        yield f"{kind.__name__}: {'ends the task' if issubclass(kind, end) else 'may pass on another try'}"


def settings() -> Iterator[str]:
    """Tell the options of Airflow's configuration."""
    for section, told in provided()["config"].items():
        for name, option in told["options"].items():
            yield f"[{section}] {name}: {option['type']} = {option['default']!r}"


def commands() -> Iterator[str]:
    """Tell the commands and their options, as ``--help`` does, without the words."""
    for command in ("emulator", "models", "check", "policy"):
        # an option begins a line, and its words may go on for several
        for option in re.split(r"\n  (?=-)", _help(command))[1:]:
            told = " ".join(option.split())
            value = re.match(r"(?:-\w, )?(--\S+(?: (?:[A-Z_]+\b|\{.*?\}))?)", told)
            default = re.search(r"\(default: (\S+)\)", told)
            assert value
            yield f"airflow-titan {command} {value[1]}" + (f" = {default[1]}" if default else "")


def _help(command: str) -> str:
    (point,) = entry_points(group="console_scripts", name="airflow-titan")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        point.load()([command, "--help"])
    return out.getvalue()


def emulation() -> Iterator[str]:
    """Tell how tests start the emulator, what they read of it, and what they can make it do wrong."""
    from airflow_titan.emulator import Call, running

    for parameter in inspect.signature(running).parameters.values():
        yield f"running {parameter.name} = {parameter.default!r}"
    with running() as started:
        yield from (f"emulator.{name}" for name in sorted(dir(started)) if not name.startswith("_"))
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{started.url}/_titan/nonsense", timeout=10)  # noqa: S310 - loopback
        with caught.value as answer:
            yield from sorted(re.findall(r"[A-Z]+ /_titan/\w+", json.load(answer)["message"]))
    yield from (f"call.{field.name}" for field in fields(Call))


SNAPSHOTS = {
    "operators": operators,
    "errors": errors,
    "settings": settings,
    "commands": commands,
    "emulator": emulation,
}


def lines(name: str) -> str:
    """Give what a snapshot should say."""
    return "".join(f"{line}\n" for line in SNAPSHOTS[name]())


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_face_is_that_of_the_snapshot(name: str) -> None:
    """Whoever changes what users name sees it here, and in the diff of the snapshot."""
    assert lines(name) == (HERE / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", (HERE / "faults.txt").read_text(encoding="utf-8").splitlines())
def test_every_fault_is_known_by_its_name(line: str, emulator: Emulator) -> None:
    """With its options, and is told as it was injected."""
    service, kind, options = line.split(maxsplit=2)
    given = json.loads(options)
    emulator.inject(kind, **given)
    (active,) = emulator.faults
    assert (active.service, active.kind, active.left) == (service, kind, given["times"])


if __name__ == "__main__":
    for snapshot in SNAPSHOTS:
        (HERE / f"{snapshot}.txt").write_text(lines(snapshot), encoding="utf-8")
        sys.stdout.write(f"wrote {snapshot}.txt\n")
