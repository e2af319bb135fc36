"""The services of docker-compose.yaml, as processes of this machine would be started."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
#: What Airflow's image starts with a service's command, where the service doesn't say otherwise.
_ENTRYPOINT = ("airflow",)


@dataclass(frozen=True)
class Service:
    """
    What the file says of a service.

    :param command: the program, of this process's own environment, and its arguments; empty where the image decides
    :param environment: without what the file leaves to the image
    :param health: the command that tells whether it is well; empty if there is none
    :param restarts: whether it is started again when it has ended by itself
    """

    command: list[str]
    environment: dict[str, str]
    health: list[str]
    restarts: bool


def read_services(addresses: Mapping[str, str]) -> dict[str, Service]:
    """
    Read the file, with every variable at its default.

    :param addresses: what to write for each address that only a network of containers has; of two that begin at the
        same place, the first one counts
    """
    written = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    return {name: _read(service, addresses) for name, service in written.items()}


def _read(service: dict[str, Any], addresses: Mapping[str, str]) -> Service:
    command = [_resolve(word, addresses) for word in service.get("command", [])]
    if command:
        # dumb-init has nothing to do where no container is
        program = service.get("entrypoint", _ENTRYPOINT)[-1]
        command.insert(0, str(Path(sys.executable).parent / program))
    environment = {name: _resolve(value, addresses) for name, value in service.get("environment", {}).items()}
    health = [_resolve(word, addresses) for word in service.get("healthcheck", {}).get("test", [])]
    return Service(command, environment, _in_a_shell(health), restarts=service["restart"] == "unless-stopped")


def _in_a_shell(test: list[str]) -> list[str]:
    """Give the command of a health check, whose first word says how it is run."""
    return ["sh", "-c", *test[1:]] if test[:1] == ["CMD-SHELL"] else test[1:]


def _resolve(text: str, addresses: Mapping[str, str]) -> str:
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text)).replace("$$", "$")
    there = "|".join(map(re.escape, addresses))
    # at one go, so that nothing is read into a port that was just written
    return re.sub(there, lambda found: addresses[found[0]], text) if there else text
