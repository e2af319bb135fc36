"""
Small pictures, made once.

What takes memory is bounded: how many are made at a time, how large a file and a picture may be, and what is kept.
Decoding can't be broken off, so its time is bounded by what is decoded: bombs are refused before.
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from airflow_titan.errors import TitanError
from airflow_titan.imaging.decode import apply_orientation, load, open_image, read_orientation, to_8_bits, to_srgb
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.jpeg import is_decoded_whole
from airflow_titan.plugin.cache import BoundedCache
from airflow_titan.plugin.problems import BROKEN, BUSY, TOO_LARGE, Problem, of_error
from airflow_titan.plugin.stores import store_for

if TYPE_CHECKING:
    from collections.abc import Hashable

    import PIL.Image

    from airflow_titan.plugin.pictures import Located

#: Longest side, in pixels.
SIDE = 320
CONTENT_TYPE = "image/webp"
#: Largest file and picture of which one is made: 32 MiB, 32 Mi pixels, which take some 130 MiB while they are decoded.
#: A JPEG is decoded at a fraction of its size, unless it is of a kind that a decoder keeps whole (a progressive one).
MAX_BYTES, MAX_PIXELS = 32 << 20, 1 << 25
#: How many are made at a time, how many seconds one waits for its turn, and how long one counts as new.
_AT_A_TIME, _PATIENCE, _NEW = 2, 30.0, 20.0
_QUALITY = 80
#: What a thumbnail weighs in memory besides its bytes.
_OVERHEAD = 500
_JPEGS = ("JPEG", "MPO")


@dataclass
class Thumbnail:
    """
    A small picture, or why there is none.

    :param source: the ETag of what it was made of
    :param etag: its own, in quotation marks
    :param checked: when it was last known to be of what S3 holds
    :param problem: why there is none, and the status of HTTP for that
    """

    data: bytes
    source: str
    etag: str
    checked: float
    problem: tuple[str, int] | None = None

    @property
    def weight(self) -> int:
        """What it takes in memory, about."""
        return len(self.data) + _OVERHEAD


class Thumbnails:
    """
    Makes small pictures, and keeps them.

    :param capacity: bytes of those that are kept
    """

    def __init__(self, capacity: int) -> None:
        self._kept: BoundedCache[Thumbnail] = BoundedCache(capacity, weigh=lambda thumbnail: thumbnail.weight)
        self._making: dict[Hashable, Future[Thumbnail]] = {}
        self._lock = Lock()
        #: Is held while one is made.
        self.turns = BoundedSemaphore(_AT_A_TIME)
        #: How many were made.
        self.made = 0

    @property
    def weight(self) -> int:
        """Bytes of those that are kept."""
        return self._kept.weight

    def get(self, located: Located) -> Thumbnail:
        """
        Return the small picture of an object; who asks for one that is being made waits for it.

        :raises Problem: if there can be none, or S3 refuses or fails
        """
        name = located.access.name, located.uri
        kept = self._kept.get(name)
        if kept and time.monotonic() - kept.checked < _NEW:
            return _or_problem(kept)
        with self._lock:
            future = self._making.get(name)
            mine = future is None
            if future is None:
                future = self._making[name] = Future()
        if mine:
            try:
                future.set_result(self._renew(located, kept))
            except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it too
                future.set_exception(error)
            finally:
                with self._lock:
                    del self._making[name]
        return _or_problem(future.result())

    def _renew(self, located: Located, kept: Thumbnail | None) -> Thumbnail:
        """Return the thumbnail of what S3 holds now: the one that is kept, if that is still the same."""
        try:
            store = store_for(located.access)
            if kept and store.head(located.uri).etag == kept.source:
                kept.checked = time.monotonic()
                return kept
            if not self.turns.acquire(timeout=_PATIENCE):
                raise Problem("Too many thumbnails are being made. Try again.", BUSY)
            try:
                content = store.get(located.uri, max_bytes=MAX_BYTES)
                made = self._make(content.data, content.size, content.etag or "")
                del content
            finally:
                self.turns.release()
        except TitanError as error:
            raise of_error(error) from error
        self._kept.put((located.access.name, located.uri), made)
        return made

    def _make(self, data: bytes | None, size: int, source: str) -> Thumbnail:
        self.made += 1
        small, problem = b"", None
        try:
            if data is None:
                raise Problem(f"The picture has {size:,} bytes: too many for a thumbnail.", TOO_LARGE)
            small = make(data)
        except Problem as error:
            problem = str(error), error.status
        except InvalidImage as error:
            problem = f"It is no picture that can be shown: it {error}.", BROKEN
        name = hashlib.sha256(f"{SIDE} {source}".encode()).hexdigest()[:32]
        return Thumbnail(small, source, f'"{name}"', time.monotonic(), problem)


def make(data: bytes) -> bytes:
    """
    Return a small picture of a file of any common kind, upright, and transparent where it is.

    :raises InvalidImage: if it is no picture, or damaged
    :raises Problem: if it is too large
    """
    import PIL.Image

    picture = open_image(data, reduced=True)
    if picture.format in _JPEGS and not (_is_too_large(picture) and is_decoded_whole(data)):
        picture.draft(None, (2 * SIDE, 2 * SIDE))
    if _is_too_large(picture):
        raise Problem(f"The picture has {picture.width}x{picture.height} pixels: too many for a thumbnail.", TOO_LARGE)
    load(picture)
    orientation, profile = read_orientation(picture, data), picture.info.get("icc_profile")
    pixels: PIL.Image.Image = to_8_bits(picture)
    pixels.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS, reducing_gap=2.0)
    pixels = to_srgb(apply_orientation(pixels, orientation), profile)
    out = BytesIO()
    pixels.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()


def _is_too_large(picture: PIL.Image.Image) -> bool:
    return picture.width * picture.height > MAX_PIXELS


def _or_problem(thumbnail: Thumbnail) -> Thumbnail:
    if thumbnail.problem:
        # a new one each time: an exception that is raised again keeps what it went through each time before
        raise Problem(*thumbnail.problem)
    return thumbnail
