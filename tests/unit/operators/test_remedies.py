"""What a message says to write works when it is written so: each remedy that states a value or code is followed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from instance import Instance
from jinja2.nativetypes import NativeEnvironment
from pictures import mask, photo

from airflow_titan import operators

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

PICTURE, MASK, ROWS = "s3://titan-images/in/photo", "s3://titan-images/in/mask", "s3://titan-images/in/rows.jsonl"
ROW = json.dumps({"id": "a", "status": "done", "images": [PICTURE]}).encode()
NOVA, V2 = "amazon.nova-canvas-v1:0", "amazon.titan-image-generator-v2:0"
TEXT, EDIT, COLOR = "TitanTextToImageOperator", "TitanInpaintingOperator", "TitanColorGuidedOperator"
NEEDED: dict[str, dict[str, Any]] = {
    TEXT: {"text": "a jar"},
    EDIT: {"image": PICTURE, "text": "a jar", "mask_prompt": "cup"},
    COLOR: {"text": "a jar", "colors": ["#336699"]},
    "TitanBulkOperator": {"requests": [{"text": "a jar"}], "defaults": {"task": "text_to_image"}},
    "TitanOutpaintingOperator": {"image": PICTURE, "text": "a beach", "mask_image": MASK},
    "TitanExtendCanvasOperator": {"image": PICTURE, "left": 16},
    "TitanPrepareImageOperator": {"image": PICTURE},
}
#: An operator, what is wrong, the words of the remedy, and these words written down.
FOLLOWED: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (TEXT, {"width": "512x512"}, "Give width=512 and height=512.", {"width": 512, "height": 512}),
    (TEXT, {"width": 512}, "such as width=512 and height=512", {"width": 512, "height": 512}),
    (TEXT, {"width": 500, "height": 500}, "give width=512 and height=512", {"width": 512, "height": 512}),
    (TEXT, {"style": "PHOTOREALISM"}, f"It can be done by {NOVA}", {"style": "PHOTOREALISM", "model_id": NOVA}),
    (TEXT, {"style": "PHOTOREALISM"}, "set translate='lenient'", {"style": "PHOTOREALISM", "translate": "lenient"}),
    (TEXT, {"style": "PHOTOREALSM", "model_id": NOVA}, "got 'PHOTOREALSM'; .*mean PHOTOREALISM",
     {"style": "PHOTOREALISM", "model_id": NOVA}),
    (TEXT, {"model_id": "amazon.nova-canvas-v1"}, f"Did you mean {NOVA}", {"model_id": NOVA}),
    (TEXT, {"model_id": "titan"}, f"Did you mean {V2}", {"model_id": V2}),
    (TEXT, {"model_family": "titn"}, "Did you mean titan", {"model_family": "titan"}),
    (TEXT, {"verify": 1}, "verify: got 1; .*Write True", {"verify": True}),
    (TEXT, {"verify": "no"}, "verify: got 'no'; .*Write False", {"verify": False}),
    (TEXT, {"translate": "lenint"}, "Did you mean lenient", {"translate": "lenient"}),
    (TEXT, {"cfg_scale": 0}, "allowed is 1.1 to 10.0", {"cfg_scale": 1.1}),
    (TEXT, {"number_of_images": 9}, "allowed is 1 to 5", {"number_of_images": 5}),
    (TEXT, {"seed": "7 px"}, "Write the digits alone", {"seed": "7"}),
    (TEXT, {"text": 42}, "Write it as text, in quotes", {"text": "42"}),
    (TEXT, {"server_side_encryption": "aws:kms", "sse_kms_key_id": 7}, "Write it as text, in quotes",
     {"server_side_encryption": "aws:kms", "sse_kms_key_id": "7"}),
    (TEXT, {"sse_kms_key_id": "7"}, "Set server_side_encryption='aws:kms'",
     {"server_side_encryption": "aws:kms", "sse_kms_key_id": "7"}),
    (COLOR, {"colors": ["336699"]}, "Did you mean #336699", {"colors": ["#336699"]}),
    (COLOR, {"colors": "bleu"}, "Did you mean blue", {"colors": "blue"}),
    ("TitanPrepareImageOperator", {"background": "wite"}, "Did you mean white", {"background": "white"}),
    (EDIT, {"mask_image": MASK}, "Leave one out", {"mask_prompt": None, "mask_image": MASK}),
    (EDIT, {"text": " "}, "leave it out or give None", {"text": None}),
    ("TitanOutpaintingOperator", {"outpainting_mode": "PRECISION"}, "Did you mean PRECISE",
     {"outpainting_mode": "PRECISE"}),
    ("TitanBulkOperator", {"defaults": {"task": "text_to_image", "widht": 512}}, "Did you mean width",
     {"defaults": {"task": "text_to_image", "width": 512, "height": 512}}),
    ("TitanBulkOperator", {"requests": [{"text": "a", "negativ_text": "b"}]}, "Did you mean negative_text",
     {"requests": [{"text": "a", "negative_text": "b"}]}),
    ("TitanBulkOperator", {"requests": [{"text": "a", "task": "text2image"}]}, "Did you mean text_to_image",
     {"requests": [{"text": "a", "task": "text_to_image"}]}),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _inputs(s3: Any, bucket: str) -> None:
    """Put what the operators read where they can read it."""
    for key, data in (("photo", photo(320, 320)), ("mask", mask(320, 320)), ("rows.jsonl", ROW)):
        s3.put_object(Bucket=bucket, Key=f"in/{key}", Body=data)


def run(name: str, **changes: Any) -> Any:
    """Run an operator."""
    return Instance().run(getattr(operators, name)(task_id="task", **NEEDED[name] | changes))


def refused(name: str, **changes: Any) -> str:
    """Give the message of a task that fails before anything is paid."""
    with pytest.raises(AirflowFailException) as raised:
        run(name, **changes)
    return str(raised.value)


@pytest.mark.parametrize(("name", "wrong", "words", "right"), FOLLOWED)
def test_a_remedy_that_is_followed_works(
    name: str, wrong: dict[str, Any], words: str, right: dict[str, Any], emulator: Emulator
) -> None:
    """To the letter."""
    with pytest.raises(AirflowFailException, match=words):
        run(name, **wrong)
    assert emulator.calls == []
    assert run(name, **right)


def test_an_account_that_lost_its_zeros_is_written_with_them() -> None:
    """As the message writes it; whether it owns the bucket, S3 tells."""
    assert "write '000123456789' as text" in refused(TEXT, expected_bucket_owner=123456789)
    assert "AccessDenied" in refused(TEXT, expected_bucket_owner="000123456789")


@pytest.mark.parametrize("name", ["TitanInpaintingOperator", "TitanBackgroundRemovalOperator"])
def test_a_result_file_is_given_to_a_bulk_task(name: str) -> None:
    """As the message of an operator says that takes a picture."""
    with pytest.raises(AirflowFailException, match="requests of TitanBulkOperator, with images_as='image'"):
        Instance().run(getattr(operators, name)(task_id="task", image=ROWS))
    assert run("TitanBulkOperator", requests=ROWS, images_as="image", defaults={"task": "background_removal"})


def test_the_pair_of_an_extended_canvas_is_told_by_its_keys() -> None:
    """Passed whole, it is two images; its keys are what XCom has of each, and what a DAG can name."""
    instance = Instance()
    pair = instance.run(operators.TitanExtendCanvasOperator(task_id="canvas", image=PICTURE, left=16))
    for name in (EDIT, "TitanOutpaintingOperator"):
        message = refused(name, image=pair, mask_prompt=None, mask_image=MASK)
        assert '.output["image"] as image and .output["mask"] as mask_image' in message
    with DAG("dag", schedule=None):
        output = operators.TitanExtendCanvasOperator(task_id="canvas", image=PICTURE, left=16).output
    keys = [output[key].key for key in ("image", "mask")]
    image, hole = (instance.xcoms[key] for key in keys)
    assert run("TitanOutpaintingOperator", image=image, mask_image=hole)


@pytest.mark.parametrize("name", [EDIT, "TitanExtendCanvasOperator"])
@pytest.mark.parametrize("environment", [jinja2.Environment(autoescape=False), NativeEnvironment()])  # noqa: S701
def test_one_of_several_images_is_chosen_as_the_message_says(name: str, environment: Any) -> None:
    """By the template that it states, with native rendering and without; a task's output has no numbers."""
    message = refused(name, image=[PICTURE, MASK])
    template = message.partition('image="')[2].partition('"')[0]

    class Pulling:
        @staticmethod
        def xcom_pull(task_id: str) -> list[str]:
            assert task_id == "make"
            return [PICTURE, MASK]

    assert run(name, image=environment.from_string(template).render(ti=Pulling()))
    assert ".partial(...).expand(image=make.output)" in message
    with DAG("dag", schedule=None):
        make = operators.TitanPrepareImageOperator(task_id="make", image=[PICTURE, MASK])
        partial = {key: value for key, value in NEEDED[name].items() if key != "image"}
        assert getattr(operators, name).partial(task_id="task", **partial).expand(image=make.output)


@pytest.mark.parametrize(
    ("field", "value", "rendered"),
    [("text", "1920", "1920"), ("region_name", "7", "7"), ("model_id", "1e5", "1e5"),
     ("expected_bucket_owner", 123456789, "000123456789"), ("expected_bucket_owner", 0, "000000000000")],
)  # fmt: skip
def test_the_template_of_a_remedy_keeps_text_a_text(field: str, value: Any, rendered: str) -> None:
    """With native rendering, which made a number of it."""
    native = NativeEnvironment()
    message = refused(TEXT, **{field: native.from_string("{{ params.x }}").render(params={"x": value})})
    template = message[message.index("{{") : message.index("}}") + 2]
    assert native.from_string(template).render(params={"x": value}) == rendered


def test_a_lazy_list_is_written_as_the_message_says() -> None:
    """What a mapped task returned comes in lists of its own."""
    message = refused(EDIT, image="LazyXComSequence(<unevaluated length>)")
    assert "| list | tojson" in message
    template = jinja2.Environment(autoescape=False).from_string("{{ pulled | list | tojson }}")  # noqa: S701
    assert run(EDIT, image=template.render(pulled=iter([[PICTURE]])))
