"""The command line."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from airflow_titan import __version__
from airflow_titan.cli import main, parser

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator


@pytest.mark.parametrize("arguments", [[], ["emulate"], ["emulator", "--port", "many"]])
def test_what_it_doesnt_know_ends_in_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A slip on the command line shows what is possible."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: airflow-titan" in capsys.readouterr().err


@pytest.fixture
def unread() -> Iterator[int]:
    """Give the end of a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["models"], ["policy"], ["check"], ["emulator", "--port", "0"]]
)
def test_whoever_reads_no_more_hears_no_complaint(
    arguments: list[str], unread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind ``| head``; the exit code is the one that a shell gives, not that of a finding."""
    with os.fdopen(os.dup(unread), "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(arguments) == 128 + signal.SIGPIPE


def test_without_an_output_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a shell has closed it."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["models"]) == 0


def test_the_process_ends_quietly_where_nobody_reads(unread: int) -> None:
    """Python itself has nothing left to write then, of which it would complain."""
    command = [sys.executable, "-c", "import airflow_titan.cli as c; raise SystemExit(c.main())", "models"]
    done = subprocess.run(command, stdout=unread, stderr=subprocess.PIPE, timeout=600, check=False)  # noqa: S603 - this Python
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """What a report of a bug begins with."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"airflow-titan {__version__}\n"


#: The command as on a machine where nobody installed the extra.
_WITHOUT_THE_EXTRA = """
import sys
class Lacking:
    def find_spec(self, name, *_):
        if name == "moto":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Lacking())
from airflow_titan.cli import main
main(["emulator", "--port", "0"])
"""


def test_a_missing_extra_is_said_in_one_line() -> None:
    """Whoever installed the package alone reads what to install, and no traceback."""
    command = [sys.executable, "-c", _WITHOUT_THE_EXTRA]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603 - this Python
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("airflow-titan emulator: ")
    assert "pip install 'airflow-titan[emulator]'" in line


def test_it_binds_nothing_but_loopback_unless_told() -> None:
    """The emulator asks nobody for credentials."""
    with pytest.raises(SystemExit, match="loopback"):
        main(["emulator", "--host", "0.0.0.0", "--port", "0"])  # noqa: S104 - refused


def test_a_port_in_use_is_said() -> None:
    """No traceback for an everyday slip."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit, match="airflow-titan emulator"):
        main(["emulator", "--port", str(taken.getsockname()[1])])


def test_the_emulator_serves_until_it_is_told_to_stop() -> None:
    """It prints where it listens, answers there, and ends in order."""
    command = [
        sys.executable,
        "-c",
        "import airflow_titan.cli as c; raise SystemExit(c.main())",
        "emulator",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this Python
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        with urlopen(f"{url}/_titan/health", timeout=10) as answer:  # noqa: S310 - loopback
            assert answer.status == 200
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("option", "said"), [("--per-minute=0", "per_minute"), ("--latency=-1", "latency"), ("--host=8.8.8.8", "loopback")]
)
def test_an_option_that_makes_no_sense_is_said(option: str, said: str) -> None:
    """One line, before anything is bound."""
    with pytest.raises(SystemExit, match=f"airflow-titan emulator: .*{said}"):
        main(["emulator", "--port", "0", option])


@contextmanager
def serving(*options: str) -> Iterator[list[str]]:
    """Run the emulator in a process of its own; give the lines that it prints, up to the last."""
    command = [sys.executable, "-c", "import airflow_titan.cli as c; raise SystemExit(c.main())", "emulator"]
    command += ["--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this Python
        assert process.stdout
        lines = []
        while not lines or not lines[-1].startswith("The pictures: "):
            lines.append(process.stdout.readline().strip())
            assert process.poll() is None
        yield lines
        process.terminate()


def test_what_the_emulator_prints_can_be_pasted() -> None:
    """With the port that it has, and the first bucket as the output root; the buckets are there."""
    with serving("--bucket", "my-pictures", "--bucket", "uploads") as lines:
        pasted = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        url = lines[0].split()[-1]
        assert pasted == {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            "AIRFLOW__TITAN__OUTPUT_ROOT": "s3://my-pictures/titan",
        }
        with urlopen(f"{url}/", timeout=30) as answer:  # noqa: S310 - loopback
            page = answer.read().decode()
        assert "?bucket=my-pictures" in page
        assert "?bucket=uploads" in page


def test_without_a_bucket_there_is_no_output_root_to_paste() -> None:
    """The line would name one that isn't there."""
    with serving() as lines:
        assert not any("OUTPUT_ROOT" in line for line in lines)


def test_a_bucket_that_s3_would_refuse_is_said() -> None:
    """One line, with what a name may be."""
    with pytest.raises(SystemExit, match=r"airflow-titan emulator: bucket: 's3://b' .*3 to 63 lower-case letters"):
        main(["emulator", "--port", "0", "--bucket", "s3://b"])


def test_the_emulators_options_arrive() -> None:
    """The rate and its kind, and pictures that lie ready."""
    command = [sys.executable, "-c", "import airflow_titan.cli as c; raise SystemExit(c.main())", "emulator"]
    options = ["--port", "0", "--per-minute", "90", "--rate-kind", "window", "--canned"]
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"}}
    body |= {"imageGenerationConfig": {"width": 320, "height": 704}}
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this Python
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        with urlopen(f"{url}/_titan/rate", timeout=10) as answer:  # noqa: S310 - loopback
            assert json.loads(answer.read()) == {"per_minute": 90.0, "kind": "window"}
        model = f"{url}/model/amazon.titan-image-generator-v1/invoke"
        with urlopen(model, json.dumps(body).encode(), timeout=10) as answer:  # noqa: S310 - loopback
            assert len(json.loads(answer.read())["images"]) == 1
        with urlopen(f"{url}/_titan/calls", timeout=10) as answer:  # noqa: S310 - loopback
            assert json.loads(answer.read())[0]["body_sha256"] == ""  # as of answers that lie ready
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--port=4566.5", "got '4566.5'; allowed is a whole number"),
        ("--port=4,566", "got '4,566'; allowed is a whole number"),
        ("--latency=nan", "got 'nan'; allowed is a number"),
        ("--rate-kind=lake", "got 'lake'; allowed is one of bucket, window"),
    ],
)
def test_a_value_that_cant_be_read_is_told_with_what_is_allowed(
    option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options are read as parameters are."""
    with pytest.raises(SystemExit, match="2"):
        main(["emulator", option])
    assert message in capsys.readouterr().err


def test_values_are_read_as_those_of_parameters_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in any case, and numbers as they come."""
    seen: list[Namespace] = []
    monkeypatch.setattr(parser, "serve_emulator", lambda options: seen.append(options) or 0)
    assert main(["emulator", "--port", "1e3", "--latency", "+0.5", "--rate-kind", "WINDOW"]) == 0
    assert (seen[0].port, seen[0].latency, seen[0].rate_kind) == (1000, 0.5, "window")


@pytest.mark.usefixtures("bucket")
def test_the_check_prints_a_table_and_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is wrong."""
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert "right     bucket                    titan-images in us-east-1" in out
    assert "Nothing is wrong; nothing was paid." in out


@pytest.mark.heavy
@pytest.mark.usefixtures("bucket")
def test_the_check_prints_nothing_but_its_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow logs to standard output, such as that there is no connection; a program couldn't read that."""
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "INFO")
    program = "import airflow_titan.cli as c; raise SystemExit(c.main())"
    command = [sys.executable, "-c", program, "check", "--json", "--output-root", "s3://none/here"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=False)  # noqa: S603 - this Python
    assert json.loads(done.stdout)["right"] is False


@pytest.mark.usefixtures("bucket")
def test_a_check_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and logging of whoever calls it stay."""
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "INFO")
    before, disabled = dict(os.environ), logging.root.manager.disable
    main(["check", "--output-root", "s3://none/here"])
    assert (dict(os.environ), logging.root.manager.disable) == (before, disabled)


@pytest.mark.usefixtures("bucket")
def test_the_check_looks_at_each_region_that_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, if it is given twice; what isn't of a region has one row."""
    regions = ["--region", "us-west-2", "--region", "us-east-1", "--region", "us-west-2"]
    assert main(["check", "--json", "--model", "stability.sd3-5-large-v1:0", "--task", "text_to_image", *regions]) == 1
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["rows"]]
    assert [name for name in names if name.startswith("region")] == ["region us-west-2", "region us-east-1"]
    assert names.count("bucket") == 1


@pytest.mark.usefixtures("bucket")
def test_the_check_prints_json_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Where something is wrong; options are those of tasks."""
    arguments = ["--json", "--region", "eu-west-1", "--model", "stability.sd3-5-large-v1:0", "--task", "Inpainting"]
    assert main(["check", "--output-root", "s3://none/here", *arguments]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["right"] is False
    assert [row["name"] for row in told["rows"] if row["status"] == "wrong"] == ["region", "bucket"]
