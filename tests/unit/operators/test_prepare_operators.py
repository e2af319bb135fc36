"""The three operators that make inputs: through S3 and XCom, from templates, with every problem told at once."""

from __future__ import annotations

import inspect
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import BAD, header, jpeg, mask, photo, png, saved
from PIL import Image

from airflow_titan.errors import StoreFailed
from airflow_titan.imaging.decode import MAX_BYTES
from airflow_titan.imaging.image import Image as StoredObject
from airflow_titan.models import catalog, spec
from airflow_titan.models.tasks import ImageVariation, Inpainting
from airflow_titan.models.validation import validate
from airflow_titan.operators import (
    TitanExtendCanvasOperator,
    TitanInpaintingOperator,
    TitanMaskOperator,
    TitanOutpaintingOperator,
    TitanPrepareImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

    Upload = Callable[..., str]

OPERATORS = [TitanPrepareImageOperator, TitanMaskOperator, TitanExtendCanvasOperator]
#: What each operator needs besides an image.
NEEDS: dict[Any, dict[str, Any]] = {
    TitanPrepareImageOperator: {},
    TitanMaskOperator: {"boxes": [[8, 8, 24, 40]]},
    TitanExtendCanvasOperator: {"left": 16},
}
BUCKET = "titan-images"
TITAN = catalog.find("amazon.titan-image-generator-v2:0")


HOSTILE = {
    **{name: BAD[name] for name in ("empty", "truncated in the pixels", "HTML")},
    "60,000 squared": png(1, 1).replace(header(1, 1), header(60_000, 60_000)),
}


@pytest.fixture
def upload(s3: Any, bucket: str) -> Upload:
    """Give a function that puts a picture where an operator can read it."""

    def upload(data: bytes, name: str = "in/picture") -> str:
        s3.put_object(Bucket=bucket, Key=name, Body=data)
        return f"s3://{bucket}/{name}"

    return upload


def prepare(**given: Any) -> TitanPrepareImageOperator:
    """Make an operator that prepares."""
    return TitanPrepareImageOperator(task_id="task", **given)


def masks(**given: Any) -> TitanMaskOperator:
    """Make an operator that masks."""
    return TitanMaskOperator(task_id="task", **given)


def extend(**given: Any) -> TitanExtendCanvasOperator:
    """Make an operator that extends."""
    return TitanExtendCanvasOperator(task_id="task", **given)


def found(s3: Any, uri: str) -> tuple[bytes, str]:
    """Read an object and its content type."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    answer = s3.get_object(Bucket=bucket, Key=key)
    return answer["Body"].read(), answer["ContentType"]


def opened(s3: Any, uri: str) -> Image.Image:
    """Read a picture."""
    return Image.open(BytesIO(found(s3, uri)[0]))


def stored(s3: Any, uri: str) -> tuple[StoredObject]:
    """Read a picture as tasks take it."""
    data, _ = found(s3, uri)
    return (StoredObject(uri, data, len(data)),)


def inside(picture: Image.Image) -> tuple[int, int, int, int] | None:
    """Give the box around what is black."""
    return picture.point(lambda value: 255 - value).getbbox()


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_is_a_template_field(operator: Any) -> None:
    """Each can be a template, and is rendered as one."""
    taken = set()
    for kind in operator.__mro__[:2]:
        taken |= set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}
    assert set(operator.template_fields) == taken
    made = operator(task_id="task", **dict.fromkeys(taken, "{{ word }}"))
    assert {getattr(made, name) for name in taken} == {"{{ word }}"}
    made.render_template_fields({"word": "rendered"})
    assert {getattr(made, name) for name in taken} == {"rendered"}


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_map_over_what_others_return(operator: Any) -> None:
    """``partial`` and ``expand`` take each parameter on either side."""
    rest = {name: "x" for name in operator.template_fields if name != "image"}
    assert operator.partial(task_id="task", **rest).expand(image=["s3://b/1", "s3://b/2"]).operator_class is operator


@pytest.mark.parametrize("operator", OPERATORS)
def test_results_lie_where_all_results_lie(operator: Any, upload: Upload, bucket: str) -> None:
    """By DAG, run, task and map index, below the root or the user's own prefix; a retry writes the same keys."""
    given = {"task_id": "task", "image": upload(photo()), **NEEDS[operator]}
    first = Instance(dag_id="d", run_id="r", map_index=2).run(operator(**given))
    assert first == Instance(dag_id="d", run_id="r", map_index=2, try_number=2).run(operator(**given))
    assert all(uri.startswith(f"s3://{bucket}/results/d/r/task/2/") for uri in first)
    own = {**given, "output_prefix": f"s3://{bucket}/own"}
    uris = [Instance(run_id=run).run(operator(**own))[0] for run in ("r1", "r2")]
    assert all(uri.startswith(f"s3://{bucket}/own/") for uri in uris)
    assert len(set(uris)) == 2


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_model_is_called_and_no_region_needed(
    operator: Any, upload: Upload, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 is all that these need."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    Instance().run(operator(task_id="task", image=upload(photo()), **NEEDS[operator]))
    assert emulator.calls == []


def test_connection_encryption_and_owner_reach_s3(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other operators say to S3 these say too."""
    from airflow_titan.aws import s3 as store

    seen: list[dict[str, Any]] = []
    real = store.ObjectStore.__init__

    def spy(self: Any, s3: Any, **given: Any) -> None:
        seen.append({**given, "agent": s3.meta.config.user_agent_extra or "", "timeout": s3.meta.config.read_timeout})
        real(self, s3, **given)

    monkeypatch.setattr(store.ObjectStore, "__init__", spy)
    monkeypatch.setenv(
        "AIRFLOW_CONN_OTHER", '{"conn_type": "aws", "extra": {"config_kwargs": {"user_agent_extra": "mine"}}}'
    )
    operator = prepare(
        image=upload(photo()), s3_conn_id="other", botocore_config={"read_timeout": "7"}, region_name="eu-west-1",
        server_side_encryption="aws:kms", sse_kms_key_id="key", expected_bucket_owner="123456789012",
    )  # fmt: skip
    Instance().run(operator)
    assert seen[0]["encryption"] == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key"}
    assert (seen[0]["expected_bucket_owner"], seen[0]["timeout"]) == ("123456789012", 7.0)
    assert "mine" in seen[0]["agent"]


def test_prepared_images_pass_the_check(s3: Any, upload: Upload) -> None:
    """One or many, of any kind, in their order."""
    kinds = [
        saved(Image.new("CMYK", (1600, 900), (0, 255, 255, 0)), "JPEG"),
        saved(Image.new("RGBA", (300, 300), (255, 0, 0, 0)), "WEBP"),
        saved(Image.new("P", (2000, 50)), "GIF"),
    ]
    uris = [upload(data, str(number)) for number, data in enumerate(kinds)]
    made = Instance().run(prepare(image=[uris[:2], [uris[2]]], background="blue"))
    assert [opened(s3, uri).size for uri in made] == [(1408, 792), (300, 300), (1408, 35)]
    assert opened(s3, made[1]).getpixel((0, 0)) == (0, 0, 255)
    assert {found(s3, uri)[1] for uri in made} == {"image/png"}
    assert all(uri.endswith(".png") for uri in made)
    assert [uri.rsplit("/", 1)[1][:8] for uri in made] == ["image-1-", "image-2-", "image-3-"]
    for uri in made:
        assert validate(ImageVariation(images=stored(s3, uri)), TITAN)


def test_numbers_from_templates_are_numbers(s3: Any, upload: Upload) -> None:
    """What a template rendered to text is read."""
    uri = upload(photo())
    (made,) = Instance().run(
        prepare(image=uri, fit="crop", width="320", height=" 256 ", format="jpeg", background="#fff")
    )
    assert opened(s3, made).size == (320, 256)
    assert found(s3, made)[1] == "image/jpeg"
    assert made.endswith(".jpg")
    (made,) = Instance().run(masks(image=uri, boxes='[["8", 8.0, 24, "40"]]', alpha="False", invert="false"))
    assert inside(opened(s3, made)) == (8, 8, 24, 40)
    made, _ = Instance().run(extend(image=uri, left="16", right="0", overlap="2"))
    assert opened(s3, made).size == (80, 48)


def test_the_target_is_the_deployments_model_unless_another_is_named(
    s3: Any, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounds are those of the model that the picture is for."""
    from airflow_titan import config

    small = TITAN.parameters["image"].model_copy(
        update={"limits": (spec.Limit(max_side=100, mark="D", source="manual"),)}
    )
    other = TITAN.model_copy(update={"parameters": {**TITAN.parameters, "image": small}})
    monkeypatch.setattr(catalog, "find", lambda name, family: other if (name, family) == ("small", None) else TITAN)
    uri = upload(photo(3000, 1500))
    assert opened(s3, Instance().run(prepare(image=uri))[0]).size == (1408, 704)
    assert opened(s3, Instance().run(prepare(image=uri, model_id="small"))[0]).size == (100, 50)
    monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", f'{{"{TITAN.id}": "small"}}')
    assert opened(s3, Instance().run(prepare(image=uri))[0]).size == (100, 50)
    monkeypatch.delenv("AIRFLOW__TITAN__REROUTE")
    monkeypatch.setenv("AIRFLOW__TITAN__MODEL_ID", "small")
    assert opened(s3, Instance().run(prepare(image=uri))[0]).size == (100, 50)
    with pytest.raises(AirflowFailException, match=r"a long side of 1,600 pixels, for .*; allowed is at most 100"):
        Instance().run(extend(image=upload(photo(1500, 20)), left=100))
    assert TITAN.id == config.OPTIONS["model_id"].default


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ({"boxes": [8, 8, 24, 40]}, (8, 8, 24, 40)),
        ({"boxes": ((8, 8, 24, 40), (30, 2, 32, 3))}, (8, 2, 32, 40)),
        ({"polygons": [[8, 8], [24, 8], [24, 40], [8, 40]]}, (8, 8, 24, 40)),
        ({"polygons": "[[[8, 8], [24, 8], [24, 40], [8, 40]]]"}, (8, 8, 24, 40)),
        ({"alpha": True}, (0, 0, 32, 48)),
        ({"alpha": "True", "alpha_below": 1}, (0, 0, 16, 48)),
        ({"threshold": 128}, (0, 0, 32, 48)),
        ({"threshold": "255"}, (0, 0, 16, 48)),
        ({"invert": True}, (0, 0, 32, 48)),
    ],
)  # fmt: skip
def test_each_way_to_a_mask(way: dict[str, Any], expected: tuple[int, ...], s3: Any, upload: Upload) -> None:
    """A PNG of pure black and white, as large as the picture, that the check takes."""
    picture = Image.new("RGBA", (64, 48), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 100), (16, 0, 32, 48))
    picture.paste((0, 0, 0, 0), (0, 0, 16, 48))
    (uri,) = Instance().run(masks(image=upload(saved(picture)), **way))
    made = opened(s3, uri)
    assert (made.mode, made.size, made.format) == ("L", (64, 48), "PNG")
    assert inside(made) == expected
    assert uri.rsplit("/", 1)[1].startswith("mask-1-")
    base = upload(photo(), "base")
    assert validate(Inpainting(image=stored(s3, base), mask_image=stored(s3, uri)), TITAN)


def test_inverting_twice_gives_the_mask_back(s3: Any, upload: Upload) -> None:
    """Black becomes white and white black, whatever kind of file the mask was."""
    uri = upload(mask(mode="1"))
    once = Instance().run(masks(image=uri, invert=True))
    assert inside(opened(s3, once[0])) == (32, 0, 64, 48)
    twice = Instance().run(masks(image=once, invert=True))
    assert inside(opened(s3, twice[0])) == (0, 0, 32, 48)


def test_a_mask_follows_a_picture_that_was_scaled(s3: Any, upload: Upload) -> None:
    """Coordinates of the photo, turned and large as it was, mark the same part of what goes to the model."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (3000, 2000))
    lying.paste((255, 255, 255), (0, 0, 1500, 2000))  # the upper half, as it is shown
    uri = upload(saved(lying, "JPEG", exif=exif.tobytes()))
    ready = Instance().run(prepare(image=uri))
    for way in ({"boxes": [0, 0, 2000, 1500]}, {"threshold": 128}):
        (made,) = Instance().run(masks(image=uri, scale_to=ready, **way))
        assert opened(s3, made).size == opened(s3, ready[0]).size == (939, 1408)
        assert inside(opened(s3, made)) == (0, 0, 939, 704)
    (made,) = Instance().run(masks(image=uri, boxes=[0, 0, 2000, 1500]))
    assert opened(s3, made).size == (2000, 3000)
    assert inside(opened(s3, made)) == (0, 0, 2000, 1500)
    with pytest.raises(AirflowFailException, match="scale_to: got 64x48 for an image of 2000x3000"):
        Instance().run(masks(image=uri, scale_to=upload(photo(), "other"), boxes=[0, 0, 9, 9]))
    with pytest.raises(AirflowFailException, match="scale_to: got 2 images; allowed is as many as image has, 1"):
        Instance().run(masks(image=uri, scale_to=[ready, ready], boxes=[0, 0, 9, 9]))


def test_several_pictures_get_a_mask_each(s3: Any, upload: Upload) -> None:
    """In their order."""
    uris = [upload(photo(64 + number, 48), str(number)) for number in range(3)]
    made = Instance().run(masks(image=uris, boxes=[[8, 8, 24, 40]]))
    assert [opened(s3, uri).size for uri in made] == [(64, 48), (65, 48), (66, 48)]


def test_a_mask_that_is_all_inside_is_warned_of(upload: Upload, caplog: pytest.LogCaptureFixture) -> None:
    """It may be meant."""
    operator = masks(image=upload(photo()), boxes=[0, 0, 64, 48])
    Instance().run(operator)
    assert "Everything is inside" in caplog.text


def test_the_canvas_comes_with_its_mask(s3: Any, upload: Upload) -> None:
    """Both in the return value, and each alone under a key of its own."""
    instance = Instance()
    made = instance.run(extend(image=[upload(photo())], width=100, anchor="right", background="red"))
    assert made == [instance.xcoms["image"], instance.xcoms["mask"]]
    assert [uri.rsplit("/", 1)[1].partition("-")[0] for uri in made] == ["image", "mask"]
    image, hole = (opened(s3, uri) for uri in made)
    assert image.size == hole.size == (100, 48)
    assert image.crop((36, 0, 100, 48)).tobytes() == Image.open(BytesIO(photo())).tobytes()
    assert image.crop((0, 0, 36, 48)).getcolors() == [(36 * 48, (255, 0, 0))]
    assert inside(hole) == (36, 0, 100, 48)
    assert validate(Inpainting(image=stored(s3, made[0]), mask_image=stored(s3, made[1])), TITAN)


def test_they_chain_into_edits(s3: Any, upload: Upload) -> None:
    """Prepared, masked, changed, extended, surrounded; what is kept is kept to the pixel."""
    ready = Instance(task_id="a").run(prepare(image=upload(jpeg(1600, 1200)), max_side=640))
    hole = Instance(task_id="b").run(masks(image=ready, boxes=[100, 100, 200, 200]))
    filled = Instance(task_id="c").run(
        TitanInpaintingOperator(task_id="c", image=ready, mask_image=hole, text="a red cup")
    )
    instance = Instance(task_id="d")
    instance.run(extend(image=filled, left=64, bottom=32))
    operator = TitanOutpaintingOperator(
        task_id="e", image=instance.xcoms["image"], mask_image=instance.xcoms["mask"], text="a beach",
        outpainting_mode="PRECISE",
    )  # fmt: skip
    (whole,) = Instance(task_id="e").run(operator)
    assert opened(s3, whole).size == (704, 512)
    kept = opened(s3, whole).convert("RGB").crop((64, 0, 704, 480))
    assert kept.tobytes() == opened(s3, filled[0]).convert("RGB").tobytes()


WRONG: list[tuple[Any, dict[str, Any], list[str]]] = [
    (prepare, {"fit": "squeeze"}, ["fit: got 'squeeze'; allowed is one of scale, pad, crop"]),
    (prepare, {"format": "gif"}, ["format: got 'gif'"]),
    (prepare, {"background": "glass"}, ["background: got 'glass'"]),
    (prepare, {"background": "#00000080"}, ["background: got '#00000080'; allowed is an opaque color"]),
    (prepare, {"background": 7}, ["background: got 7"]),
    (prepare, {"width": "wide"}, ["width: got 'wide'; allowed is a whole number from 1 to 1,408"]),
    (prepare, {"width": True, "height": 0.5}, ["width: got True", "height: got 0.5"]),
    (prepare, {"width": 1409, "max_side": "1e999"}, ["width: got 1409", "max_side: got '1e999'"]),
    (prepare, {"fit": "crop", "width": 100}, ["height: got nothing"]),
    (prepare, {"fit": "pad", "width": 9, "height": 9, "max_side": 9}, ["max_side: got 9; allowed is nothing, with"]),
    (prepare, {"model_id": "no-such-model"}, ["model_id: got 'no-such-model'"]),
    (prepare, {"image": None}, ["image: got nothing"]),
    (prepare, {"image": ["", []]}, ["image: got nothing"]),
    (prepare, {"image": [7, "http://x"]}, ["image: got 7", "image: got 'http://x'"]),
    (prepare, {"output_prefix": "nowhere"}, ["output_prefix: got 'nowhere'"]),
    (prepare, {"botocore_config": {"no_such": 1}}, ["botocore_config: "]),
    (masks, {}, ["boxes or polygons or clean or alpha or threshold or invert: got none of them"]),
    (masks, {"boxes": [0, 0, 9, 9], "alpha": True}, ["got boxes and alpha; allowed is exactly one"]),
    (masks, {"boxes": []}, ["boxes: got []"]),
    (masks, {"boxes": "None"}, ["threshold or invert: got none of them; allowed is exactly one"]),
    (masks, {"boxes": "[" * 100_000}, ["boxes: got '[["]),
    (masks, {"boxes": [[0, 0, 9]]}, ["boxes: got [[0, 0, 9]]"]),
    (masks, {"boxes": [[0, 0, 9, "x"]]}, ["boxes: got [[0, 0, 9, 'x']]"]),
    (masks, {"boxes": "[0, 0, NaN, 9]"}, ["boxes: got '[0, 0, NaN, 9]'"]),
    (masks, {"boxes": {"left": 1}}, ["boxes: got {'left': 1}"]),
    (masks, {"boxes": [0, 0, 65, 48]}, ["boxes: got [0, 0, 65, 48], for 's3://", "0 <= left < right <= 64"]),
    (masks, {"polygons": [[0, 0], [9, 9]]}, ["polygons: got [[[0, 0], [9, 9]]]"]),
    (masks, {"polygons": [[0, 0], [9, 9], [1, 2, 3]]}, ["polygons: got "]),
    (masks, {"polygons": [[0, 0], [9, 9], [9, 49]]}, ["allowed is 0 <= x <= 64 and 0 <= y <= 48"]),
    (masks, {"boxes": [9.1, 9.1, 9.2, 9.2]}, ["boxes: got a mask with nothing inside"]),
    (masks, {"alpha": True}, ["alpha: got a picture without transparency"]),
    (masks, {"alpha": "perhaps", "threshold": 256}, ["alpha: got 'perhaps'", "threshold: got 256"]),
    (masks, {"threshold": 255}, ["threshold: got a mask with nothing inside"]),
    (extend, {}, ["left, top, right, bottom, width, height: got nothing"]),
    (extend, {"left": 5, "width": 99}, ["left, top, right, bottom, width, height: got both"]),
    (extend, {"left": -5}, ["left: got -5; allowed is a whole number from 0 to"]),
    (extend, {"width": 20}, ["width, height: got 20x48"]),
    (extend, {"width": 64}, ["a canvas of the same size"]),
    (extend, {"width": 1500}, ["a canvas of 1500x48 pixels, a long side of 1,500", "at most 1,408"]),
    (extend, {"left": 5, "right": 5, "overlap": 32}, ["overlap: got 32"]),
    (extend, {"width": 99, "anchor": "north"}, ["anchor: got 'north'"]),
    (extend, {"width": 99, "image": ["s3://b/1", "s3://b/2"]}, ["image: got 2 images; allowed is one image"]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "given", "messages"), WRONG)
def test_what_is_wrong_is_said_and_nothing_written(
    make: Any, given: dict[str, Any], messages: list[str], s3: Any, upload: Upload
) -> None:
    """The task fails at once, with each problem in the four parts that put it right."""
    given = {"image": upload(photo()), **given}
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(make(**given))
    for message in messages:
        assert message in str(raised.value)
    assert len(str(raised.value)) < 1_000
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["in/picture"]


def test_every_problem_is_told_at_once(upload: Upload, bucket: str) -> None:
    """Those of the parameters and those of each image."""
    bad = [upload(data, str(number)) for number, data in enumerate((b"", photo()[:-99], b"GIF8"))]
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(prepare(image=[*bad, f"s3://{bucket}/missing", upload(photo())]))
    assert "4 problems with preparing an image" in str(raised.value)
    for number, word in enumerate(["is an empty file", "is damaged", "GIF"]):
        assert f"image: got 's3://{bucket}/{number}', which " in str(raised.value)
        assert word in str(raised.value)
    assert "NoSuchKey" in str(raised.value)
    with pytest.raises(AirflowFailException, match=r"(?s)3 problems.*fit: .*width: .*missing"):
        Instance().run(prepare(image=f"s3://{bucket}/missing", fit="x", width="y"))


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_fails_the_task(operator: Any, name: str, upload: Upload) -> None:
    """In every operator alike."""
    with pytest.raises(AirflowFailException, match=r"image: got 's3://titan-images/in/picture', which (is|has) "):
        Instance().run(operator(task_id="task", image=upload(HOSTILE[name]), **NEEDS[operator]))


def test_what_is_too_heavy_is_not_read(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 says how heavy an object is."""
    from airflow_titan.imaging import decode

    monkeypatch.setattr(decode, "MAX_BYTES", 100)
    with pytest.raises(AirflowFailException, match=r"bytes; allowed is at most 100 bytes"):
        Instance().run(prepare(image=upload(photo())))
    assert MAX_BYTES == 64 * 1024 * 1024


def test_what_may_pass_is_left_to_retries(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that can't be reached is no reason to give up."""
    uri = upload(photo())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreFailed):
        Instance().run(prepare(image=uri, botocore_config={"retries": {"total_max_attempts": 1}}))
