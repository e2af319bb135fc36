"""Small pictures: how they look, how often they are made, and what they may take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from pictures import BAD, GOOD, chunk, exif, header, jpeg, photo, png, saved
from PIL import Image

from airflow_titan.imaging.header import InvalidImage
from airflow_titan.plugin import thumbnails
from airflow_titan.plugin.pictures import Located
from airflow_titan.plugin.problems import Problem
from airflow_titan.plugin.stores import Access
from airflow_titan.plugin.thumbnails import Thumbnails, make

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 1 << 20


def _opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(make(data)))


@pytest.mark.parametrize(
    ("size", "small"),
    [((1024, 512), (320, 160)), ((640, 1408), (145, 320)), ((100, 40), (100, 40)), ((4000, 1), (320, 1))],
)
def test_the_longest_side_is_320(size: tuple[int, int], small: tuple[int, int]) -> None:
    """A smaller picture stays as it is, and none becomes nothing."""
    picture = _opened(photo(*size))
    assert (picture.format, picture.size) == ("WEBP", small)


def test_what_is_transparent_stays_so() -> None:
    """A background that was removed isn't black."""
    picture = Image.new("RGBA", (400, 400), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 200, 400))
    small = _opened(saved(picture)).convert("RGBA")
    assert small.getpixel((300, 100))[3] == 0  # type: ignore[index]
    assert small.getpixel((20, 100))[3] == 255  # type: ignore[index]


def test_a_photo_that_exif_turns_is_upright() -> None:
    """As people see it."""
    assert _opened(jpeg(600, 300, exif=exif(6))).size == (160, 320)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_every_sound_picture_has_one(name: str) -> None:
    """Whatever is odd about it."""
    assert _opened(GOOD[name]).format == "WEBP"


@pytest.mark.parametrize("name", sorted(BAD))
def test_no_bad_picture_ends_in_another_error(name: str) -> None:
    """It has a thumbnail, as decoders are lenient, or is refused with a reason."""
    with suppress(InvalidImage, Problem):
        assert make(BAD[name])


@pytest.mark.parametrize(
    "data",
    [
        png(60_000, 60_000, pixels=b""),
        png(8_000, 8_000, pixels=b""),
        jpeg(64, 48).replace((48).to_bytes(2, "big") + (64).to_bytes(2, "big"), b"\xff\xff\xff\xff", 1),
        b"\x89PNG\r\n\x1a\n" + header(8, 8) + chunk(b"tEXt", b"a\0b") * 100_000 + chunk(b"IEND"),
    ],
    ids=["pixels", "more than for a thumbnail", "pixels of a JPEG", "parts"],
)
def test_bombs_are_refused(data: bytes) -> None:
    """Before anybody makes room for what they say they hold."""
    with pytest.raises((InvalidImage, Problem)):
        make(data)


@pytest.mark.parametrize(("progressive", "fits"), [(False, True), (True, False)])
def test_a_jpeg_that_is_decoded_whole_is_bounded_whole(
    monkeypatch: pytest.MonkeyPatch, *, progressive: bool, fits: bool
) -> None:
    """A progressive one takes the memory of all its pixels, however small it is asked for."""
    monkeypatch.setattr(thumbnails, "MAX_PIXELS", 1_200_000)
    data = saved(Image.new("RGB", (2000, 2000), "teal"), "JPEG", progressive=progressive)
    if fits:
        assert make(data)
    else:
        with pytest.raises(Problem, match="2000x2000 pixels"):
            make(data)


@pytest.fixture
def put(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], Located]:
    """Give a function that stores a picture, and says where."""
    from airflow_titan.aws.s3 import ObjectStore

    monkeypatch.setattr(thumbnails, "store_for", lambda _: ObjectStore(s3))

    def put(key: str, data: bytes) -> Located:
        s3.put_object(Bucket=bucket, Key=key, Body=data)
        return Located(f"s3://{bucket}/{key}", Access(""))

    return put


def test_the_same_one_is_made_once(put: Callable[..., Located], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when many ask for it at the same time."""
    located, small = put("a.png", photo()), Thumbnails(MEBIBYTE)
    begun, go = Event(), Event()
    real = thumbnails.make

    def slowly(data: bytes) -> bytes:
        begun.set()
        assert go.wait(30)
        return real(data)

    monkeypatch.setattr(thumbnails, "make", slowly)
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(small.get, located)
        assert begun.wait(30)
        others = [threads.submit(small.get, located) for _ in range(5)]
        go.set()
        found = {first.result().etag, *(other.result().etag for other in others)}
    assert (small.made, len(found)) == (1, 1)
    assert small.get(located).data
    assert small.made == 1


def test_few_are_made_at_a_time(put: Callable[..., Located], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long for a turn is told so."""
    monkeypatch.setattr(thumbnails, "_PATIENCE", 0.01)
    small = Thumbnails(MEBIBYTE)
    for _ in range(2):
        small.turns.acquire()
    with pytest.raises(Problem, match="Try again") as caught:
        small.get(put("a.png", photo()))
    assert caught.value.status == 503
    small.turns.release()
    assert small.get(put("a.png", photo())).data


def test_what_is_kept_has_a_bound(put: Callable[..., Located]) -> None:
    """In bytes; what isn't kept is made again."""
    small = Thumbnails(3_000)
    located = [put(f"{number}.png", photo(300, 200 + number)) for number in range(5)]
    for one in (*located, located[0]):
        small.get(one)
    assert 0 < small.weight <= 3_000
    assert small.made > 5


def test_a_cache_of_nothing_still_shows_pictures(put: Callable[..., Located]) -> None:
    """``gallery_cache_mb = 0``."""
    small = Thumbnails(0)
    located = put("a.png", photo())
    assert small.get(located).data == small.get(located).data
    assert (small.made, small.weight) == (2, 0)


def test_what_cannot_be_shown_is_remembered(put: Callable[..., Located]) -> None:
    """A page of broken pictures isn't decoded again and again."""
    small = Thumbnails(MEBIBYTE)
    located = put("a.png", b"no picture")
    for _ in range(3):
        with pytest.raises(Problem, match="no picture that can be shown") as caught:
            small.get(located)
        assert caught.value.status == 422
    assert small.made == 1


def test_what_cannot_be_shown_is_told_anew_each_time(put: Callable[..., Located]) -> None:
    """An error that is kept and raised again would hold on to every request that it was told to."""
    small = Thumbnails(MEBIBYTE)
    located = put("a.png", b"no picture")
    told = []
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            small.get(located)
        told.append(caught.value)
    assert told[0] is not told[1]
    assert str(told[0]) == str(told[1])


def test_one_that_is_gone_is_told_as_such(put: Callable[..., Located]) -> None:
    """And what failed isn't remembered: it may be there the next time."""
    located, small = put("b.png", photo()), Thumbnails(MEBIBYTE)
    missing = Located(located.uri.replace("b.png", "c.png"), located.access)
    with pytest.raises(Problem) as caught:
        small.get(missing)
    assert caught.value.status == 404
    put("c.png", photo())
    assert small.get(missing).data
