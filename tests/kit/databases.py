"""Postgres and Redis as Debian installs them, in folders and on ports of a test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from whole_airflow import HOST

#: Debian keeps those of Postgres where no shell looks.
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
#: The programs that are needed.
PROGRAMS = ("initdb", "postgres", "createdb", "pg_isready", "redis-server", "redis-cli")
#: What Debian runs Postgres as, which refuses to be run by root.
_OWNER = "postgres"


def find(name: str) -> str | None:
    """Give the path of a program, of the newest version."""
    folders = [folder for pattern in _FOLDERS for folder in Path("/").glob(pattern[1:])]
    newest_first = sorted(folders, key=lambda folder: int(folder.parent.name.rpartition("-")[2]), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, newest_first), os.environ["PATH"]]))


def owner() -> dict[str, Any]:
    """Give what ``subprocess`` needs to start Postgres with fewer rights, where this process is root."""
    return {"user": _OWNER, "group": _OWNER, "extra_groups": []} if os.geteuid() == 0 else {}


def make_cluster(folder: Path) -> None:
    """Make an empty Postgres in a folder, with the role ``airflow`` that needs no password."""
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, _OWNER, _OWNER)
    made = ["--auth", "trust", "--username", "airflow", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    _run("initdb", "--pgdata", str(folder), *made, **owner())


def postgres(folder: Path, port: int) -> list[str]:
    """Give the command that runs it. What a machine's end would cost it needn't be saved from."""
    settings = {"listen_addresses": HOST, "port": port, "unix_socket_directories": "", "fsync": "off"}
    return [str(find("postgres")), "-D", str(folder), *(f"--{name}={value}" for name, value in settings.items())]


def make_database(port: int) -> None:
    """Make the database ``airflow``."""
    _run("createdb", "--host", HOST, "--port", str(port), "--username", "airflow", "airflow")


def postgres_is_ready(port: int) -> bool:
    """Tell whether it takes connections."""
    return _succeeds("pg_isready", "--quiet", "--host", HOST, "--port", str(port), "--username", "airflow")


def redis(folder: Path, port: int) -> list[str]:
    """Give the command that runs a Redis which keeps nothing on disk."""
    folder.mkdir(exist_ok=True)
    settings = {"--bind": HOST, "--port": str(port), "--dir": str(folder), "--save": "", "--appendonly": "no"}
    return [str(find("redis-server")), *(word for pair in settings.items() for word in pair)]


def redis_is_ready(port: int) -> bool:
    """Tell whether it answers."""
    return _succeeds("redis-cli", "-h", HOST, "-p", str(port), "ping")


def _run(name: str, *arguments: str, **how: Any) -> None:
    done = subprocess.run(  # noqa: S603 - a fixed list
        [str(find(name)), *arguments], check=False, capture_output=True, text=True, timeout=120, cwd="/", **how
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _succeeds(name: str, *arguments: str) -> bool:
    asked = [str(find(name)), *arguments]
    return subprocess.run(asked, check=False, capture_output=True, timeout=60).returncode == 0  # noqa: S603 - a fixed list
