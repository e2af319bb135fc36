"""
Run an example DAG in Airflow against the emulator, all in this one process, and show what came out.

``make demo`` runs the chain. ``make demo IMAGE=photo.jpg`` edits a photo instead; MASK, MASK_PROMPT, TEXT and FIT go
with it. Results lie in build/demo, or in the folder that is named on the command line.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import local
import report
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "demo"
LOG = BUILD / "airflow.log"
#: Longest side that Titan takes, for FIT=1.
FIT_SIDE = 1408


def abbreviate(path: Path) -> str:
    """Give a path as a user at the root of the tree would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


class Terminal:
    """What the user reads. Everything else that is printed, by Airflow above all, goes to a log file."""

    def __init__(self, log: Path) -> None:
        self.out: TextIO = os.fdopen(os.dup(1), "w", buffering=1)
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)

    def say(self, line: str = "", end: str = "\n") -> None:
        """Print, at once."""
        print(line, end=end, file=self.out, flush=True)

    def fail(self, message: str) -> NoReturn:
        """Say what went wrong, and leave."""
        self.say(f"\n{message}\n")
        if os.environ.get("IMAGE") and not os.environ.get("FIT"):
            self.say("A photo that is only too large: make demo IMAGE=... FIT=1 scales it (and the mask) down first.")
        self.say(f"Everything that Airflow said is in {abbreviate(LOG)}")
        leave(1)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print a step's name when it starts, and how long it took when it ends."""
        self.say(f"  {name:<28}", end="")
        start = time.monotonic()
        yield
        self.say(f"{time.monotonic() - start:6.1f} s")


def leave(code: int) -> NoReturn:
    """End at once. The emulator and Airflow are threads of this process, so nothing outlives it."""
    sys.stdout.flush()
    os._exit(code)


def end_on_signals(terminal: Terminal) -> None:
    """Let Ctrl-C and SIGTERM end the demo in the middle of whatever it does; Airflow would count it a failed task."""

    def stop(number: int, _: object) -> NoReturn:
        # straight to the system: the signal may have come in the middle of a print, which can't be entered twice
        os.write(
            terminal.out.fileno(), f"\nstopped by {signal.Signals(number).name}; nothing is left running\n".encode()
        )
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def read(variable: str) -> tuple[str, bytes] | None:
    """Read the file that ``IMAGE=`` or ``MASK=`` names: its name and its bytes."""
    given = os.environ.get(variable)
    if not given:
        return None
    path = Path(given).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        sys.exit(f"{variable}={given}: {error.strerror}. Give the path of a JPEG or PNG file.")
    return (path.name, fitted(data, variable)) if os.environ.get("FIT") else (path.name, data)


def fitted(data: bytes, variable: str) -> bytes:
    """Scale a picture down to the largest size the model takes; a mask keeps its pure black and white."""
    try:
        picture: Image.Image = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    except OSError as error:
        sys.exit(f"{variable}: {error}. Give the path of a JPEG or PNG file.")
    picture = picture.convert("L" if variable == "MASK" else "RGB")
    resampling = Image.Resampling.NEAREST if variable == "MASK" else Image.Resampling.LANCZOS
    picture.thumbnail((FIT_SIDE, FIT_SIDE), resampling)
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def upload(s3: Any, file: tuple[str, bytes]) -> str:
    """Put a file of the user's into the emulator's S3."""
    name, data = file
    s3.put_object(Bucket=local.BUCKET, Key=f"uploads/{name}", Body=data)
    return f"s3://{local.BUCKET}/uploads/{name}"


def conf(s3: Any, image: tuple[str, bytes], mask: tuple[str, bytes] | None) -> dict[str, Any]:
    """Say what the DAG is to do with the user's photo."""
    given = {name.lower(): os.environ[name] for name in ("MASK_PROMPT", "TEXT") if os.environ.get(name)}
    given["image"] = upload(s3, image)
    if mask:
        given["mask_image"] = upload(s3, mask)
    return given


def manifests(s3: Any) -> dict[str, dict[str, Any]]:
    """Read the record of every result, by task."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=local.BUCKET, Prefix="results/"):
        for item in page.get("Contents", []):
            if item["Key"].endswith("/manifest.json"):
                manifest = json.load(s3.get_object(Bucket=local.BUCKET, Key=item["Key"])["Body"])
                found[manifest["task_instance"]["task_id"]] = manifest
    return found


def fetch(s3: Any, uri: str) -> bytes:
    """Read one object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    data: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return data


def run(terminal: Terminal, dag_id: str, conf: dict[str, Any] | None) -> tuple[str, list[str]]:
    """Run a DAG to its end; give its title, and the ids of its finished tasks, in the DAG's order."""
    with terminal.step("starting Airflow"):
        # only now, because Airflow reads its environment when it is imported
        from airflow.dag_processing.dagbag import DagBag
        from airflow.sdk.listener import get_listener_manager
        from airflow.utils.db import initdb
        from progress import Progress

        initdb()
        dag = DagBag(ROOT / "example_dags" / f"{dag_id}.py").dags[dag_id]
        progress = Progress(terminal.say)
        get_listener_manager().add_listener(progress)  # type: ignore[no-untyped-call]
    progress.begin("starting the run")
    done = dag.test(run_conf=conf)
    if done.state != "success":
        terminal.fail("\n\n".join(progress.errors) or f"{dag_id} ended as {done.state}")
    title = (dag.doc_md or dag_id).strip().splitlines()[0].rstrip(".")
    return title, [task for task in dag.task_dict if task in progress.finished]


def main() -> None:
    """Run the demo."""
    image, mask = read("IMAGE"), read("MASK")
    if mask and not image:
        sys.exit("MASK belongs to a photo: make demo IMAGE=photo.jpg MASK=mask.png")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    dag_id = "example_titan_edit_photo" if image else "example_titan_chain"
    terminal = Terminal(LOG)
    end_on_signals(terminal)
    terminal.say(f"{dag_id}, in Airflow, with S3 and Bedrock played by this machine: no account, no cost\n")

    with ExitStack() as stack:
        with terminal.step("starting the emulator"):
            import boto3

            from airflow_titan.emulator import running

            emulator = stack.enter_context(running())
            local.enter(BUILD / "airflow", ROOT / "example_dags", emulator.url)
            s3 = boto3.client("s3")
            s3.create_bucket(Bucket=local.BUCKET)
        title, tasks = run(terminal, dag_id, conf(s3, image, mask) if image else None)
        with terminal.step("drawing the contact sheet"):
            records = manifests(s3)
            steps = [report.Step(task, records[task], partial(fetch, s3)) for task in tasks if task in records]
            report.write(steps, BUILD, title=title)
    terminal.say(f"\n{report.table(steps)}\n")
    for name in ("contact-sheet.png", "index.html"):
        terminal.say(f"  {abbreviate(BUILD / name)}")
    leave(0)


if __name__ == "__main__":
    main()
