"""Pictures as they are stored, and small: the bytes, and what is said where there are none."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from pictures import photo, saved
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery import Gallery


@pytest.fixture
def url(gallery: Gallery) -> str:
    """Give the address of a picture."""
    return f"/titan{gallery.instance('alpha', 'z_first')}/outputs/0"


@pytest.fixture
def stored(gallery: Gallery) -> bytes:
    """Give the bytes of that picture."""
    from gallery import place

    uri = gallery.result("alpha", "z_first")["outputs"][0]["uri"]
    data: bytes = gallery.s3.get_object(**place(uri))["Body"].read()
    return data


@pytest.fixture
def replace(gallery: Gallery, stored: bytes) -> Iterator[Any]:
    """Give a function that puts other bytes in the place of that picture; afterwards it is back."""
    from gallery import place

    where = place(gallery.result("alpha", "z_first")["outputs"][0]["uri"])

    def replace(data: bytes | None) -> None:
        gallery.s3.delete_object(**where)
        if data is not None:
            gallery.s3.put_object(**where, Body=data, ContentType="text/html")

    yield replace
    gallery.s3.put_object(**where, Body=stored, ContentType="image/png")


def test_an_original_comes_byte_for_byte(gallery: Gallery, url: str, stored: bytes) -> None:
    """With its size, its type, its name and an ETag; never compressed once more."""
    response = gallery.get(url, Accept_Encoding="gzip")
    headers = response.headers
    assert response.content == stored
    assert (headers["content-length"], headers["content-type"]) == (str(len(stored)), "image/png")
    assert headers["content-disposition"].startswith("inline; filename*=UTF-8''image-1-")
    assert "gzip" not in headers.get("content-encoding", "")
    assert "no-cache" in headers["cache-control"]


def test_an_original_of_several_pieces(
    gallery: Gallery, url: str, stored: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same."""
    monkeypatch.setattr("airflow_titan.plugin.originals.PIECE", 1000)
    assert gallery.get(url).content == stored
    assert gallery.get(url, Range="bytes=500-2600").content == stored[500:2601]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)), ("bytes=10-19", slice(10, 20)), ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)), ("bytes=-99999999", slice(None)), ("bytes=5-99999999", slice(5, None)),
    ],
)  # fmt: skip
def test_a_part_of_an_original(gallery: Gallery, url: str, stored: bytes, asked: str, part: slice) -> None:
    """As HTTP asks for it."""
    response = gallery.get(url, Range=asked)
    start, stop, _ = part.indices(len(stored))
    assert (response.status_code, response.content) == (206, stored[part])
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(stored)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_part_that_it_has_not(gallery: Gallery, url: str, stored: bytes, asked: str) -> None:
    """It is told how much there is."""
    response = gallery.get(url, Range=asked)
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{len(stored)}")


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=a-b", "bytes=-"])
def test_a_range_that_makes_no_sense_is_no_range(gallery: Gallery, url: str, stored: bytes, asked: str) -> None:
    """All of it comes."""
    response = gallery.get(url, Range=asked)
    assert (response.status_code, response.content) == (200, stored)


def test_a_part_of_another_content_is_all_of_it(gallery: Gallery, url: str, stored: bytes) -> None:
    """``If-Range`` names what the browser has a part of."""
    etag = gallery.get(url).headers["etag"]
    assert gallery.get(url, Range="bytes=0-9", If_Range=etag).status_code == 206
    assert gallery.get(url, Range="bytes=0-9", If_Range='"another"').content == stored


@pytest.mark.parametrize("suffix", ["", "/thumbnail"])
def test_what_a_browser_has_is_not_sent_again(gallery: Gallery, url: str, suffix: str) -> None:
    """By its ETag, in every way to write it."""
    etag = gallery.get(f"{url}{suffix}").headers["etag"]
    for asked in (etag, f"W/{etag}", f'"another", {etag}', "*"):
        response = gallery.get(f"{url}{suffix}", If_None_Match=asked)
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    assert gallery.get(f"{url}{suffix}", If_None_Match='"another"').status_code == 200


def test_a_thumbnail_is_small(gallery: Gallery, url: str) -> None:
    """Its longest side is 320 pixels, and its type WebP."""
    response = gallery.get(f"{url}/thumbnail")
    assert response.headers["content-type"] == "image/webp"
    with Image.open(BytesIO(response.content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (145, 320))


def test_a_thumbnail_follows_its_picture(
    gallery: Gallery, url: str, replace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other bytes at its key are another thumbnail; the same ones aren't decoded again."""
    from airflow_titan.plugin import media

    monkeypatch.setattr("airflow_titan.plugin.thumbnails._NEW", -1)
    first = gallery.get(f"{url}/thumbnail").headers["etag"]
    assert gallery.get(f"{url}/thumbnail").headers["etag"] == first
    assert media.shared_thumbnails().made == 1
    replace(saved(Image.new("RGB", (900, 300), "red")))
    assert gallery.get(f"{url}/thumbnail").headers["etag"] != first


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (None, (404, 404)), (b"", (422, 422)), (b"<html><script>alert(1)</script></html>", (200, 422)),
        (photo()[: len(photo()) // 2], (200, 422)), (b"<svg onload='alert(1)'/>", (200, 422)),
    ],
    ids=["missing", "empty", "a page", "cut off", "SVG"],
)  # fmt: skip
def test_a_broken_picture_shows_as_such(
    gallery: Gallery, url: str, replace: Any, data: bytes | None, status: tuple[int, int]
) -> None:
    """A status and a sentence, so that the page can say it; what is no picture is a download, whatever S3 calls it."""
    replace(data)
    original, thumbnail = gallery.get(url), gallery.get(f"{url}/thumbnail")
    assert (original.status_code, thumbnail.status_code) == status
    assert thumbnail.json()["problem"]
    if original.status_code == 200:
        assert original.content == data
        if data and data.startswith(b"<"):
            assert original.headers["content-type"] == "application/octet-stream"
            assert original.headers["content-disposition"].startswith("attachment")


def test_a_huge_picture_shows_as_such(
    gallery: Gallery, url: str, replace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its bytes or its pixels; it can still be downloaded."""
    monkeypatch.setattr("airflow_titan.plugin.thumbnails.MAX_PIXELS", 1000)
    assert gallery.get(f"{url}/thumbnail").status_code == 413
    monkeypatch.setattr("airflow_titan.plugin.thumbnails.MAX_BYTES", 1000)
    replace(saved(Image.effect_noise((300, 300), 90)))
    from airflow_titan.plugin import media

    media.shared_thumbnails.cache_clear()
    response = gallery.get(f"{url}/thumbnail")
    assert (response.status_code, "bytes" in response.json()["problem"]) == (413, True)
    assert gallery.get(url).status_code == 200


@pytest.mark.parametrize("uri", ["nonsense", "s3://titan-images/a/../b.png", "s3://aws_of_the_bank@titan-images/a.png"])
def test_a_row_that_names_no_object_is_told(gallery: Gallery, uri: str) -> None:
    """Nor is anything read by another connection than the task's."""
    from gallery import place

    where = place(gallery.stored(gallery.xcom("alpha", "bulk")["manifest_uri"])["results_uri"])
    rows = gallery.s3.get_object(**where)["Body"].read()
    gallery.s3.put_object(**where, Body=json.dumps({**json.loads(rows.splitlines()[0]), "images": [uri]}).encode())
    try:
        for suffix in ("", "/thumbnail"):
            response = gallery.get(f"/titan{gallery.instance('alpha', 'bulk')}/rows/1/outputs/0{suffix}")
            assert (response.status_code, "names no object" in response.json()["problem"]) == (422, True)
    finally:
        gallery.s3.put_object(**where, Body=rows)


def test_a_picture_that_changes_on_its_way_is_no_mixture(
    gallery: Gallery, url: str, stored: bytes, replace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece is of the content whose ETag was told, or there is none."""
    from airflow_titan.plugin.originals import Original

    monkeypatch.setattr("airflow_titan.plugin.originals.PIECE", 1000)
    real = Original.pieces

    def meanwhile(original: Original, start: int, stop: int) -> Iterator[bytes]:
        pieces = real(original, start, stop)
        yield next(pieces)
        replace(bytes(reversed(stored)))
        yield from pieces

    monkeypatch.setattr(Original, "pieces", meanwhile)
    with pytest.raises(RuntimeError, match="response already started") as caught:
        gallery.get(url, raising=True)
    assert type(caught.value.__cause__).__name__ == "StoreRefused"


def test_pictures_of_several_rows_of_a_line_have_addresses_of_their_own(gallery: Gallery) -> None:
    """A line of results that was sent as several requests: they are counted through, on every way to them."""
    from gallery import place

    where = place(gallery.stored(gallery.xcom("alpha", "bulk")["manifest_uri"])["results_uri"])
    kept = gallery.s3.get_object(**where)["Body"].read()
    rows = [json.loads(line) for line in kept.splitlines()[:2]]
    gallery.s3.put_object(**where, Body="\n".join(json.dumps({**row, "line": 1}) for row in rows).encode())
    try:
        api = f"/titan/api{gallery.instance('alpha', 'bulk')}/rows"
        listed = [image for row in gallery.json(api)["rows"] for image in row["images"]]
        opened = [image for result in gallery.json(f"{api}/1")["results"] for image in result["outputs"]]
        assert [image["url"] for image in listed] == [image["url"] for image in opened]
        for row, image in zip(rows, listed, strict=True):
            original = gallery.s3.get_object(**place(row["images"][0]))["Body"].read()
            assert gallery.get(image["url"]).content == original
    finally:
        gallery.s3.put_object(**where, Body=kept)
