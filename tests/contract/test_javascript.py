"""AWS's SDK for JavaScript with its defaults, which speaks HTTP/2 to Bedrock: where Node and the SDK are installed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client import V1, V2, text_image, variation
from PIL import Image

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

SDK = "@aws-sdk/client-bedrock-runtime"
SCRIPT = Path(__file__).with_name("invoke.cjs")


def node(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Node."""
    executable = shutil.which("node")
    if executable is None:
        pytest.skip("needs Node")
    command = [executable, *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=120, **options)  # noqa: S603


@pytest.fixture
def send(emulator: Emulator) -> Any:
    """Give what sends bodies to models, all at once, and returns what was answered."""
    if node("-e", f"require.resolve('{SDK}')").returncode:
        pytest.skip(f"needs {SDK}, in a folder that NODE_PATH names")

    def run(*calls: tuple[str, Any]) -> list[dict[str, Any]]:
        environment = os.environ | {"AWS_ENDPOINT_URL": emulator.url, "AWS_REGION": "us-east-1"}
        done = node(str(SCRIPT), input=json.dumps(calls), env=environment)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["protocol"] == "h2"
        return list(said["replies"])

    return run


def test_thirty_calls_at_once(send: Any, emulator: Emulator) -> None:
    """Each gets its own picture, of the size that it asked for."""
    replies = send(*((V1, text_image(f"boat {number}")) for number in range(30)))
    assert [reply["status"] for reply in replies] == [200] * 30
    pictures = [base64.b64decode(image) for reply in replies for image in reply["images"]]
    assert {Image.open(BytesIO(picture)).size for picture in pictures} == {(320, 704)}
    assert len(set(pictures)) == 30
    assert emulator.billed == 30


def test_pictures_go_both_ways(send: Any) -> None:
    """A request has one in it, and an answer."""
    (reply,) = send((V2, variation()))
    assert (reply["status"], len(reply["images"])) == (200, 1)


def test_refusals_are_told_in_the_services_words(send: Any, emulator: Emulator) -> None:
    """The SDK finds the error's type where it looks for it."""
    emulator.inject("access_denied", text="secret")
    empty, secret = send((V1, {}), (V1, text_image("secret")))
    assert (empty["status"], empty["error"]) == (400, "ValidationException")
    assert (secret["status"], secret["error"]) == (403, "AccessDeniedException")
    assert secret["message"] == "You don't have access to the model with the specified model ID."
