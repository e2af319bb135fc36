"""The page of the pictures that the buckets hold."""

from __future__ import annotations

import http.client
import re
from html import unescape
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from client import V1, text_image
from pictures import photo, saved
from PIL import Image

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from client import Titan

    from airflow_titan.emulator import Emulator

HTML = {"Accept": "text/html"}


def get(emulator: Emulator, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    """Give the status, the headers and the body of an answer."""
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def page(emulator: Emulator, path: str = "/") -> str:
    """Give a page's text."""
    status, headers, body = get(emulator, path)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return body.decode()


def names(text: str) -> list[str]:
    """Give the pictures of a page by the names that stand for them, in order."""
    return [unescape(name) for name in re.findall(r'alt="([^"]*)"', text)]


def links(text: str, attribute: str = "href") -> list[str]:
    """Give the addresses that a page leads to."""
    return [unescape(address) for address in re.findall(rf'{attribute}="([^"]*)"', text)]


def put(s3: Any, bucket: str, key: str, data: bytes = b"", **options: Any) -> None:
    """Store a picture."""
    s3.put_object(Bucket=bucket, Key=key, Body=data or photo(40, 30), **{"ContentType": "image/png"} | options)


def test_an_empty_emulator_says_where_it_is(emulator: Emulator) -> None:
    """What to set, to have pictures here."""
    assert f"AWS_ENDPOINT_URL={emulator.url}" in page(emulator)


def test_the_newest_picture_comes_first(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Of all buckets; what isn't a picture is left out."""
    s3.create_bucket(Bucket="another")
    put(s3, bucket, "results/1.png")
    put(s3, "another", "2.png")
    put(s3, bucket, "results/manifest.json", b"{}", ContentType="application/json")
    put(s3, bucket, "3.JPG", ContentType="binary/octet-stream")
    assert names(page(emulator)) == ["3.JPG", "2.png", "1.png"]


def test_a_picture_says_what_it_was_asked_for_with(titan: Titan, emulator: Emulator, s3: Any, bucket: str) -> None:
    """It is known by its bytes; a stranger has its name, place and size."""
    put(s3, bucket, "cup.png", titan.image(text_image("a cup & a <b>saucer</b>")))
    text = page(emulator)
    assert "a cup &amp; a &lt;b&gt;saucer&lt;/b&gt;" in text
    assert V1 in text
    emulator.reset()
    assert V1 not in page(emulator)


@pytest.mark.parametrize(
    "key",
    [
        '"><script>alert(1)</script>.png',
        "a b+c%2F&d.png",
        '"onerror="alert(1).png',
        "../../x/./y.png",
        "grüße/漢字.png",
        "a'b\\c?d#e.png",
        "/x.png",
    ],
)
def test_any_key_leads_to_its_picture(emulator: Emulator, s3: Any, bucket: str, key: str) -> None:
    """Escaped in the page, and found again by the address that stands there."""
    data = photo(37, 29)
    put(s3, bucket, key, data)
    text = page(emulator)
    assert "<script" not in text
    assert names(text) == [key.rpartition("/")[2]]
    (address,) = [link for link in links(text) if "/picture?" in link]
    status, headers, body = get(emulator, address)
    assert (status, headers["Content-Type"], body) == (200, "image/png", data)


def test_a_thumbnail_is_small(emulator: Emulator, s3: Any, bucket: str) -> None:
    """A page of large pictures is light, transparent ones stay so."""
    put(s3, bucket, "large.png", saved(Image.new("RGBA", (1408, 704), (200, 0, 0, 90))))
    (address,) = links(page(emulator), "src")
    _, headers, body = get(emulator, address)
    image = Image.open(BytesIO(body))
    assert (headers["Content-Type"], image.size, image.has_transparency_data) == ("image/webp", (320, 160), True)


def test_a_damaged_picture_is_shown_as_it_is(emulator: Emulator, s3: Any, bucket: str) -> None:
    """What can't be made smaller is left to the browser."""
    data = photo(40, 30)[:60]
    put(s3, bucket, "damaged.png", data)
    (address,) = links(page(emulator), "src")
    assert get(emulator, address)[2] == data


@pytest.mark.parametrize("data", [b"<script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"{}"])
def test_only_pictures_are_given_out(emulator: Emulator, s3: Any, bucket: str, data: bytes) -> None:
    """By their own bytes, not by the type that they were stored with."""
    put(s3, bucket, "page.png", data)
    assert get(emulator, f"/_titan/picture?bucket={bucket}&key=page.png")[0] == 404


@pytest.mark.parametrize("query", ["", "?bucket=titan-images", "?bucket=none&key=k", "?bucket=titan-images&key=none"])
@pytest.mark.usefixtures("bucket")
def test_a_picture_that_is_not_there_is_told(emulator: Emulator, query: str) -> None:
    """With a status that a browser understands."""
    assert get(emulator, f"/_titan/picture{query}")[0] == 404


def test_many_pictures_are_shown_in_pages(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Sixty a page, each leading to the next."""
    data = photo(20, 20)
    for number in range(130):
        put(s3, bucket, f"{number}.png", data)
    shown: list[str] = []
    path = "/"
    while path:
        text = page(emulator, path)
        shown += names(text)
        path = next((unescape(link) for link in re.findall(r'href="([^"]*)">Older', text)), "")
    assert shown == [f"{number}.png" for number in reversed(range(130))]


@pytest.mark.parametrize("number", ["0", "-1", "99", "x", "²", ""])
def test_a_page_that_is_not_there_is_the_nearest(emulator: Emulator, s3: Any, bucket: str, number: str) -> None:
    """An address by hand leads somewhere."""
    put(s3, bucket, "a.png")
    assert names(page(emulator, f"/?page={number.encode().decode('latin-1')}" if number.isascii() else "/?page=%C2%B2"))


def test_a_bucket_and_a_prefix_narrow_it(emulator: Emulator, s3: Any, bucket: str) -> None:
    """By the links that each picture has."""
    s3.create_bucket(Bucket="another")
    put(s3, bucket, "run 1/a.png")
    put(s3, bucket, "run 2/b.png")
    put(s3, "another", "run 1/c.png")
    text = page(emulator)
    (prefix,) = [link for link in links(text) if link == "/?bucket=titan-images&prefix=run+1%2F"]
    assert names(page(emulator, prefix)) == ["a.png"]
    assert names(page(emulator, "/?bucket=another")) == ["c.png"]


def test_the_page_runs_nothing(emulator: Emulator, s3: Any, bucket: str) -> None:
    """No scripts, no frames around it, nothing from elsewhere; pictures are alone in their sandbox."""
    put(s3, bucket, "a.png")
    policy = get(emulator)[1]["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    headers = get(emulator, f"/_titan/picture?bucket={bucket}&key=a.png")[1]
    assert (headers["Content-Security-Policy"], headers["X-Content-Type-Options"]) == (
        "default-src 'none'; sandbox", "nosniff",
    )  # fmt: skip


def test_an_object_that_a_browser_opens_is_in_a_sandbox(emulator: Emulator, s3: Any, bucket: str) -> None:
    """A page among the objects can't speak for the emulator; a client of S3 sees no difference."""
    put(s3, bucket, "page.html", b"<script>1</script>", ContentType="text/html")
    path = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "page.html"})
    path = path.removeprefix(emulator.url)
    assert get(emulator, path, Sec_Fetch_Site="none")[1]["Content-Security-Policy"] == "sandbox"
    assert get(emulator, path)[1]["Content-Security-Policy"] is None


def test_a_link_may_lead_to_the_page_and_nothing_else(emulator: Emulator) -> None:
    """From Airflow's UI, say; not into a frame, and not by a name that isn't this machine's."""
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert get(emulator, **link)[0] == 200
    assert get(emulator, **link | {"Sec_Fetch_Dest": "iframe"})[0] == 403
    assert get(emulator, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert b"Pictures" not in get(emulator, Host="evil.example")[2]


def test_a_head_has_no_body(emulator: Emulator) -> None:
    """As for any address."""
    status, headers, body = get(emulator, method="HEAD")
    assert (status, body, int(headers["Content-Length"]) > 0) == (200, b"", True)


def test_it_begins_with_its_buckets_and_again_after_a_reset() -> None:
    """Each given once or more."""
    with running(buckets=["one-bucket", "another-bucket", "one-bucket"]) as emulator:
        for _ in range(2):
            text = page(emulator)
            assert "?bucket=another-bucket" in text
            assert text.count("?bucket=one-bucket") == 1
            emulator.reset()


@pytest.mark.parametrize("name", ["", "ab", "Upper", "s3://my-bucket", "under_score", "-a-b", "a..b", "a" * 64])
def test_a_bucket_that_s3_would_refuse_is_refused(name: str) -> None:
    """Before anything is bound."""
    with pytest.raises(ValueError, match="is no bucket's name"), running(buckets=[name]):
        pass  # pragma: no cover
