"""The health checks of the Compose file, run beside the services that they ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from compose_services import read_services

if TYPE_CHECKING:
    from compose_stack import Stack

#: Whose commands say their own ports.
CHECKED = [name for name, service in read_services({}).items() if service.command and service.health]


def test_every_part_is_well_by_its_own_check(stack: Stack) -> None:
    """What is up is healthy, so that Compose starts what waits for it."""
    named = [stack.workers[0] if name == "airflow-worker" else name for name in CHECKED]
    # one after the other would take as long as all the rest: some import all of Airflow
    with ThreadPoolExecutor(2) as threads:
        checks = dict(zip(named, threads.map(stack.check_health, named), strict=True))
    unwell = {name: check.stdout + check.stderr for name, check in checks.items() if check.returncode}
    assert unwell == {}
