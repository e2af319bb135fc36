"""What every run meets: the emulator in a process of its own, a bucket with photos, an environment that leads there."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
import urllib.request
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from measure import HERE, Tree
from PIL import Image

# the scripts beside this folder, and the demo's Airflow of this machine
sys.path += [str(HERE.parent), str(HERE.parent.parent / "demo")]

import local
import ui
from one_edit import photo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["BUCKET", "BUILD", "PHOTOS", "ROOT", "SHARED", "World", "image", "photo_file", "request", "ui", "world"]

ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "bench"
BUCKET = local.BUCKET
#: Photos that requests take in turn, alike to the eye and different in their bytes.
PHOTOS = 16
#: What all requests share. The mask is prompted for, so that it costs nothing.
SHARED = {"task": "inpainting", "mask_prompt": "boat", "text": "a red boat", "number_of_images": 1}
#: Step of the photo's tones, which brings its PNG to 2.5 MB.
TONES = 7


def image(number: int, photos: int = PHOTOS) -> str:
    """Name the photo of a request."""
    return f"in/{number % photos}.png"


def numbered(data: bytes, number: int) -> bytes:
    """Make other bytes of a PNG, and the same pixels: a text says its number."""
    text = b"tEXtNumber\0%d" % number
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    end = data.rindex(b"IEND") - 4
    return data[:end] + chunk + data[end:]


def picture() -> bytes:
    """Make a photo-like PNG of 1408 by 1408 and about 2.5 MB."""
    out = BytesIO()
    Image.open(BytesIO(photo())).point(lambda tone: tone - tone % TONES).save(out, "PNG", compress_level=6)
    return out.getvalue()


@dataclass(frozen=True)
class World:
    """
    A running emulator.

    :param tree: its process
    :param s3: a client of it
    """

    url: str
    tree: Tree
    s3: Any

    def ask(self, what: str) -> Any:
        """Ask the emulator: ``calls`` is its record of InvokeModel, ``summary`` counts them."""
        with urllib.request.urlopen(f"{self.url}/_titan/{what}", timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def put_requests(self, name: str, lines: Iterable[bytes]) -> str:
        """Write a file of requests; give its URI."""
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}.jsonl", Body=b"\n".join(lines) + b"\n")
        return f"s3://{BUCKET}/{name}.jsonl"

    def read(self, uri: str) -> bytes:
        """Read an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        data: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data


def request(number: int, photos: int = PHOTOS, **fields: Any) -> bytes:
    """Write one line of a file of requests."""
    line = {"id": f"r-{number}", "image": f"s3://{BUCKET}/{image(number, photos)}", "seed": number}
    return json.dumps(line | fields).encode()


@contextmanager
def world(latency: float, *, per_minute: int | None = None, photos: int = PHOTOS) -> Iterator[World]:
    """
    Run an emulator with a fixed latency and answers that were encoded before.

    :param per_minute: how many calls it allows a minute
    :param photos: how many different inputs there are
    """
    _raise_limit_of_files()
    command = [
        sys.executable,
        "-c",
        "from airflow_titan.cli import main; main()",
        "emulator",
        "--port",
        "0",
        "--canned",
    ]
    command += ["--latency", str(latency)]
    if per_minute:
        command += ["--per-minute", str(per_minute)]
    BUILD.mkdir(parents=True, exist_ok=True)
    with (
        (BUILD / "emulator.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        try:
            words = server.stdout.readline().split() if server.stdout else []
            if not words:
                raise RuntimeError(f"the emulator has not started:\n{(BUILD / 'emulator.log').read_text()}")
            local.enter(BUILD / "airflow", HERE / "dags", words[-1])
            s3 = boto3.client("s3", config=Config(tcp_keepalive=True))
            s3.create_bucket(Bucket=BUCKET)
            data = photo_file()
            for number in range(photos):
                s3.put_object(Bucket=BUCKET, Key=image(number, photos), Body=numbered(data, number))
            yield World(words[-1], Tree(server.pid), s3)
        finally:
            server.terminate()


def photo_file() -> bytes:
    """Give the photo; made once, because that takes seconds."""
    path = Path(BUILD / "photo.png")
    if not path.exists():
        path.write_bytes(picture())
    return path.read_bytes()


def _raise_limit_of_files() -> None:
    """Let the processes started from here open as many files as the system allows: hundreds of connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
