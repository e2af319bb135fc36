"""docker-compose.yaml, read without a container engine; and by Compose, the older or the newer, where that is."""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_titan import __version__

ROOT = Path(__file__).parents[2]
ONE_SHOT = {"airflow-init"}
#: What a health check may run: programs that start in milliseconds. Of Celery, only a ping that imports no app.
CHEAP = {"pg_isready", "redis-cli", "curl", "grep", "celery"}
#: MiB that three workers and the rest may need together.
MEMORY = 6144
_UNITS = {"s": 1, "m": 60}


@pytest.fixture(scope="module")
def compose() -> Any:
    """Give the file as Compose sees it, anchors merged."""
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


def dockerfile() -> str:
    """Give the image's recipe."""
    return (ROOT / "Dockerfile").read_text()


def health_checks(compose: Any) -> dict[str, Any]:
    """Give the health check of every service that has one."""
    return {name: service["healthcheck"] for name, service in compose["services"].items() if "healthcheck" in service}


def seconds(duration: str) -> int:
    """Read a duration such as 30s or 10m."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def test_all_of_airflow_is_there(compose: Any) -> None:
    """Airflow's parts, what they stand on, and the emulator."""
    assert set(compose["services"]) == {
        "postgres", "redis", "emulator", "airflow-init", "airflow-apiserver", "airflow-scheduler",
        "airflow-dag-processor", "airflow-triggerer", "airflow-worker",
    }  # fmt: skip


def test_every_service_is_watched(compose: Any) -> None:
    """All services that stay up have a health check."""
    unwatched = {name for name, service in compose["services"].items() if "healthcheck" not in service}
    assert unwatched == ONE_SHOT


def test_health_checks_are_rare_and_patient(compose: Any) -> None:
    """Each runs every 30 to 60 seconds, ends before the next, and needs several failures to be believed."""
    for check in health_checks(compose).values():
        assert 30 <= seconds(check["interval"]) <= 60
        assert seconds(check["timeout"]) < seconds(check["interval"])
        assert check["retries"] >= 3


def test_health_checks_cost_next_to_nothing(compose: Any) -> None:
    """None imports Airflow, which takes seconds of CPU each time."""
    for check in health_checks(compose).values():
        kind, *command = check["test"]
        assert kind in {"CMD", "CMD-SHELL"}
        words = command if kind == "CMD" else shlex.split(command[0], comments=False)
        steps = " ".join(words).split(" | ")
        assert {step.split()[0] for step in steps} <= CHEAP
        assert not {"--app", "-A"} & set(words)


def test_a_worker_may_finish_its_calls(compose: Any) -> None:
    """It is not killed while a call is under way that may have been paid for, which can take eight minutes."""
    worker = compose["services"]["airflow-worker"]
    assert seconds(worker["stop_grace_period"]) >= 480
    assert worker["environment"]["DUMB_INIT_SETSID"] == "0"


def test_the_emulator_heals_itself(compose: Any) -> None:
    """Started again, it has the bucket that results go to, and every service that stays up is started again."""
    command = compose["services"]["emulator"]["command"]
    root = compose["services"]["airflow-worker"]["environment"]["AIRFLOW__TITAN__OUTPUT_ROOT"]
    assert command[command.index("--bucket") + 1] == root.removeprefix("s3://").partition("/")[0]
    assert {service["restart"] for name, service in compose["services"].items() if name not in ONE_SHOT} == {
        "unless-stopped"
    }


def test_tasks_are_retried(compose: Any) -> None:
    """A worker that dies fails no task for good, and the next try doesn't wait for minutes."""
    environment = compose["services"]["airflow-worker"]["environment"]
    assert int(environment["AIRFLOW__CORE__DEFAULT_TASK_RETRIES"]) >= 2
    assert int(environment["AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY"]) <= 60


def test_memory_is_told(compose: Any) -> None:
    """Each service says what it needs, and three workers and the rest fit into what the file promises."""
    needs = {
        name: int(service["mem_reservation"].removesuffix("m"))
        for name, service in compose["services"].items()
        if name not in ONE_SHOT
    }
    assert needs["airflow-worker"] == 1024
    assert sum(needs.values()) + 2 * needs["airflow-worker"] <= MEMORY
    assert f"{MEMORY >> 10} GiB" in (ROOT / "docker-compose.yaml").read_text()
    rows = re.findall(
        r"^\| ([a-z-]+)(?:, each)? \| (\d+) \| \d+ \|$", (ROOT / "docs/howto/celery.md").read_text(), re.MULTILINE
    )
    assert {name: int(need) for name, need in rows} == needs


def test_ports_are_open_to_this_machine_only(compose: Any) -> None:
    """Nothing can be reached from another machine."""
    ports = {port for service in compose["services"].values() for port in service.get("ports", [])}
    assert ports == {"127.0.0.1:8080:8080", "127.0.0.1:4566:4566"}


def test_images_are_pinned(compose: Any) -> None:
    """Every image names a version."""
    for service in compose["services"].values():
        assert re.fullmatch(r"[\w./-]+:\d[\w.-]+", service["image"])
        assert not service["image"].endswith("latest")


def test_workers_can_be_many(compose: Any) -> None:
    """Nothing on the worker is bound to a single container."""
    worker = compose["services"]["airflow-worker"]
    assert not {"container_name", "ports", "hostname"} & set(worker)
    assert worker["command"] == ["celery", "worker"]
    assert worker["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_the_package_is_in_the_image(compose: Any) -> None:
    """Airflow's services and the emulator run an image with the package and its emulator."""
    ours = {name for name, service in compose["services"].items() if service["image"].startswith("airflow-titan:")}
    assert set(compose["services"]) - ours == {"postgres", "redis"}
    assert {compose["services"][name]["image"] for name in ours} == {f"airflow-titan:{__version__}"}
    assert "/opt/airflow-titan[emulator]" in dockerfile()


def test_the_image_is_built_once(compose: Any) -> None:
    """One service builds it, which all others wait for; several builds of one tag race, and no registry has it."""
    services = compose["services"]
    assert {name: service["build"] for name, service in services.items() if "build" in service} == {"emulator": "."}
    others = {name for name in services if name.startswith("airflow-")}
    assert {services[name]["pull_policy"] for name in others} == {"never"}
    assert all("emulator" in services[name]["depends_on"] for name in others)


def test_the_image_keeps_what_it_was_tested_with() -> None:
    """What is in the image stays as its own constraints pin it; a broken set of packages breaks the build."""
    install = dockerfile().replace("\\\n", " ").partition("RUN ")[2]
    assert "${HOME}/constraints.txt" in install
    assert re.search(r'pip install [^&]*--constraint \S+ [^&]*"apache-airflow==\$\{AIRFLOW_VERSION\}"', install)
    assert re.search(r"pip install [^&]*&& pip check", install)


def test_the_image_has_the_airflow_that_is_tested() -> None:
    """The image and the constraints name the same Airflow."""
    version = re.search(r"ARG AIRFLOW_VERSION=(\S+)", dockerfile())
    assert version
    assert f"apache-airflow=={version[1]}\n" in (ROOT / "constraints.txt").read_text()


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    """The ignore file lets through all that the recipe copies."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in re.findall(r"^COPY \S+ (.*) \S+$", dockerfile(), re.MULTILINE) for name in line.split()}
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_services_wait_for_what_they_name(compose: Any) -> None:
    """Every dependency is a service, and is waited for until it is well or done."""
    for service in compose["services"].values():
        for name, how in service.get("depends_on", {}).items():
            done = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert compose["services"][name]
            assert how == {"condition": done}


def test_airflow_services_share_their_settings(compose: Any) -> None:
    """What must be the same everywhere is: the execution API, the token's secret, the database, the emulator."""
    airflow = [service for name, service in compose["services"].items() if name.startswith("airflow-")]
    for name in (
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW_CONN_AWS_DEFAULT",
        "AIRFLOW__TITAN__OUTPUT_ROOT",
    ):
        assert len({service["environment"][name] for service in airflow}) == 1
    assert "http://airflow-apiserver:8080/execution/" in str(airflow)


def test_the_fernet_key_is_one(compose: Any) -> None:
    """The default key has the length that Fernet wants."""
    key = compose["services"]["airflow-worker"]["environment"]["AIRFLOW__CORE__FERNET_KEY"]
    default = key.removeprefix("${FERNET_KEY:-").removesuffix("}")
    assert len(base64.urlsafe_b64decode(default)) == 32


@pytest.mark.parametrize("command", [["docker-compose"], ["docker", "compose"]], ids=" ".join)
def test_compose_itself_accepts_the_file(command: list[str], compose: Any) -> None:
    """Debian's Compose as well as Docker's own finds it right, and finds all services."""
    program = shutil.which(command[0])
    if not program or subprocess.run([program, *command[1:], "version"], check=False, capture_output=True).returncode:  # noqa: S603 - ours
        pytest.skip(f"{' '.join(command)} is not installed")
    asked = [program, *command[1:], "--file", str(ROOT / "docker-compose.yaml"), "config"]
    read = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603 - ours
    assert read.returncode == 0, read.stderr
    assert read.stderr == ""
    services = yaml.safe_load(read.stdout)["services"]
    assert set(services) == set(compose["services"])
    assert services["airflow-worker"]["environment"]["DUMB_INIT_SETSID"] == "0"
