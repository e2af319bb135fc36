"""Answers that lie ready: whole pictures of the right size, the same promises, and no work."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from client import V1, V2, Titan, client, encoded, inpainting, text_image, variation
from PIL import Image
from stability_client import FAST, GUIDE, OUTPAINT

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

NOVA, CORE, ERASE = (
    "amazon.nova-canvas-v1:0",
    "stability.stable-image-core-v1:1",
    "us.stability.stable-image-erase-object-v1:0",
)
IN_FLIGHT = 256


@pytest.fixture
def ready(emulator: Emulator) -> Iterator[Emulator]:
    """Give an emulator whose answers lie ready."""
    assert emulator
    with running(canned=True) as found:
        yield found


def size(data: bytes) -> tuple[int, int]:
    """Give the size of a picture that is whole."""
    with Image.open(BytesIO(data)) as picture:
        picture.verify()
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        return picture.size


def large(width: int, height: int, kind: str = "PNG", **options: Any) -> bytes:
    """Give a picture whose file is longer than a few KB."""
    file = BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(("width", "height", "least"), [(1024, 1024, 1_250_000), (320, 704, 250_000)])
def test_a_picture_has_the_size_that_was_asked_for(ready: Emulator, width: int, height: int, least: int) -> None:
    """As a whole PNG file, as heavy as a photo."""
    data = Titan(ready.url).image(text_image(width=width, height=height))
    assert size(data) == (width, height)
    assert data.startswith(b"\x89PNG")
    assert least < len(data) < 1.2 * least


def test_the_largest_picture_weighs_as_much_as_a_photo(ready: Emulator) -> None:
    """About 2.5 MB for 1408 x 1408, which only an edit has."""
    data = Titan(ready.url).image(variation(large(1408, 1408, "JPEG")))
    assert size(data) == (1408, 1408)
    assert 2_400_000 < len(data) < 2_600_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("width", "height"), [(200, 100), (16, 16)])
def test_an_edit_keeps_its_inputs_size(ready: Emulator, width: int, height: int, kind: str) -> None:
    """Of a long file and of a short one, of both formats."""
    assert size(Titan(ready.url).image(variation(large(width, height, kind)))) == (width, height)


def test_a_jpegs_size_is_found_behind_its_metadata(ready: Emulator) -> None:
    """A header may be long."""
    image = large(120, 80, "JPEG", icc_profile=bytes(60_000))
    assert size(Titan(ready.url).image(inpainting({"maskPrompt": "sky"}, image=image))) == (120, 80)


def test_as_many_pictures_as_were_asked_for(ready: Emulator) -> None:
    """All different."""
    answer = Titan(ready.url).answer(text_image(numberOfImages=5))
    assert len({*answer.images}) == 5
    assert answer.error is None


def test_equal_sizes_are_painted_once(ready: Emulator) -> None:
    """Whatever the text says: that is what makes it cheap."""
    titan = Titan(ready.url)
    titan.image(text_image("one", width=1024, height=1024))
    began = time.process_time()
    images = [titan.image(text_image(text, width=1024, height=1024)) for text in "abcde"]
    assert len({*images}) == 1
    assert time.process_time() - began < 1  # painted, it would be several


def asked(url: str, model: str, body: Any, region: str = "us-east-1") -> Any:
    """Give a model's whole answer."""
    runtime = client("bedrock-runtime", url, region)
    return json.loads(runtime.invoke_model(modelId=model, body=json.dumps(body).encode())["body"].read())


def test_each_dialect_answers_in_its_own_words(ready: Emulator) -> None:
    """The keys are those of the painted answers."""
    body = text_image(width=512, height=512)
    assert set(asked(ready.url, V2, body)) == {"images", "error"}
    assert set(asked(ready.url, NOVA, body)) == {"images"}
    core = asked(ready.url, CORE, {"prompt": "a", "aspect_ratio": "16:9", "seed": 7}, "us-west-2")
    assert (core["seeds"], core["finish_reasons"]) == ([7], [None])
    assert size(base64.b64decode(core["images"][0])) == (1344, 768)


def test_a_service_keeps_its_inputs_size_and_format(ready: Emulator) -> None:
    """JPEG for who asks for it."""
    body = {"image": encoded(large(128, 96)), "mask": encoded(large(128, 96)), "output_format": "jpeg"}
    data = base64.b64decode(asked(ready.url, ERASE, body)["images"][0])
    assert size(data) == (128, 96)
    assert data.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("model", "rest", "expected"),
    [
        (OUTPAINT, {"left": 10, "down": 6}, (138, 102)),
        (FAST, {}, (512, 384)),
        (GUIDE, {"prompt": "a sea", "aspect_ratio": "21:9"}, (1536, 640)),
    ],
)
def test_a_service_has_its_own_size(ready: Emulator, model: str, rest: Any, expected: tuple[int, int]) -> None:
    """As when it is painted."""
    answer = asked(ready.url, model, {"image": encoded(large(128, 96))} | rest)
    assert size(base64.b64decode(answer["images"][0])) == expected


def test_a_request_without_a_size_gets_1024_by_1024(ready: Emulator) -> None:
    """As when it is painted."""
    assert size(Titan(ready.url).image(text_image() | {"imageGenerationConfig": {}})) == (1024, 1024)


def test_a_body_is_still_held_to_its_schema(ready: Emulator) -> None:
    """In the same words."""
    titan = Titan(ready.url)
    long = "#/textToImageParams/text: expected maxLength: 512, actual: 513"
    assert titan.malformed(text_image("x" * 513)) == long
    assert titan.refusal(text_image(width=1000, height=1000)).message.endswith("Given: (1000, 1000).")
    odd = inpainting(image=large(200, 100), width=1000, height=1000)
    assert Titan(ready.url, V2).refusal(odd).message.endswith("Given: (1000, 1000).")
    assert "1:4 and 4:1" in Titan(ready.url, NOVA).malformed(text_image(width=320, height=1296))
    assert titan.refusal(b'{"taskType": "TEXT').status == 400


def test_a_long_text_is_no_picture(ready: Emulator) -> None:
    """It has spaces, or is refused for its length all the same."""
    long = "ten words " * 1000
    said = Titan(ready.url).malformed(text_image(long))
    assert said == "#/textToImageParams/text: expected maxLength: 512, actual: 10000"


def test_an_image_without_a_size_is_refused(ready: Emulator) -> None:
    """Both a long one and a short one."""
    for data in (bytes(10_000), bytes(100)):
        refusal = Titan(ready.url).refusal(variation(data))
        assert refusal.message == "Invalid image in #/imageVariationParams/images/0: its size can't be read."


@pytest.mark.parametrize("text", ['a "quoted" word', "a back\\slash\\", '\\"', "Gr\u00fc\u00dfe \U0001f600", "a\nb"])
def test_a_text_of_any_kind_arrives_whole(ready: Emulator, text: str) -> None:
    """Beside a picture that is cut out of the body."""
    image = encoded(large(100, 100))
    params = {"maskPrompt": text, "image": image, "text": text}
    Titan(ready.url).image({"taskType": "INPAINTING", "inPaintingParams": params})
    marker = f"<base64 {len(image)} chars, 100 x 100>"
    assert ready.calls[0].body["inPaintingParams"] == params | {"image": marker}


def test_a_picture_may_have_its_slashes_escaped(ready: Emulator) -> None:
    """As some writers of JSON do."""
    image = large(100, 100)
    raw = json.dumps(variation(image)).replace("/", "\\/").encode()
    assert size(Titan(ready.url).image(raw)) == (100, 100)
    assert ready.calls[0].body["imageVariationParams"]["images"][0].startswith(f"<base64 {len(encoded(image))} chars")


def test_the_record_names_a_pictures_length_and_size(ready: Emulator) -> None:
    """No digests: they would cost more than all the rest."""
    image = large(100, 90)
    raw = json.dumps(inpainting({"maskPrompt": "sky"}, image=image)).encode()
    Titan(ready.url).image(raw)
    (call,) = ready.calls
    assert call.body["inPaintingParams"]["image"] == f"<base64 {len(encoded(image))} chars, 100 x 90>"
    assert (call.body_size, call.body_sha256, call.images, call.billed) == (len(raw), "", 1, True)


@pytest.mark.parametrize(("word", "images"), [("flagged-output", 0), ("flagged-some", 2)])
def test_the_output_filter_withholds(ready: Emulator, word: str, images: int) -> None:
    """As it does painted pictures."""
    answer = Titan(ready.url).answer(text_image(word, numberOfImages=3))
    assert (len(answer.images), answer.error is None) == (images, False)


def test_the_input_filter_blocks(ready: Emulator) -> None:
    """Nothing is billed."""
    assert "content filters" in Titan(ready.url).refusal(text_image("flagged")).message
    assert ready.billed == 0


def test_faults_strike(ready: Emulator) -> None:
    """Those that change the answer too."""
    titan = Titan(ready.url)
    ready.inject("fewer_images", text="harbour")
    assert len(titan.answer(text_image("a harbour", numberOfImages=2)).images) == 1
    assert len(titan.answer(text_image("a harbour", numberOfImages=2)).images) == 2
    ready.inject("error_after")
    assert titan.refusal(text_image()).status == 500
    assert ready.billed == 3


def test_latency_is_taken() -> None:
    """Ready or not, the model takes its time."""
    with running(latency=0.5, canned=True) as ready:
        began = time.monotonic()
        Titan(ready.url).image(text_image())
        assert time.monotonic() - began >= 0.5


def test_hundreds_of_calls_wait_side_by_side() -> None:
    """One connection each, all served, and none after the other."""
    latency = 2
    body = json.dumps(text_image()).encode()
    gate = threading.Barrier(IN_FLIGHT)

    def ask(host: str) -> int:
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.connect()
        gate.wait(60)
        connection.request("POST", f"/model/{V1}/invoke", body)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    with running(latency=latency, canned=True) as ready, ThreadPoolExecutor(IN_FLIGHT) as pool:
        assert {*pool.map(ask, [urlsplit(ready.url).netloc] * IN_FLIGHT)} == {200}
        calls = list(ready.calls)
    begun = max(call.started for call in calls)
    assert len([call for call in calls if call.ended > begun]) == IN_FLIGHT  # at one moment all of them were waiting
