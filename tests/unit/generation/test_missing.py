"""A finished result whose images were deleted or written over: never a success, and never paid for unasked."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import photo
from stub import scripted, stable

from airflow_titan.aws.s3 import ObjectContent, ObjectStore
from airflow_titan.errors import StoreFailed, StoreRefused
from airflow_titan.generation.manifest import Output
from airflow_titan.generation.published import broken_images
from airflow_titan.operators import TitanBulkOperator, TitanInpaintingOperator, TitanTextToImageOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

TEXT = {"text": "a lighthouse", "width": 320, "height": 704, "number_of_images": 2}
SD35 = "stability.sd3-5-large-v1:0"


def cup(**changes: Any) -> TitanTextToImageOperator:
    """Ask for two small pictures."""
    return TitanTextToImageOperator(task_id="task", **TEXT | changes)


def key(uri: str, bucket: str) -> str:
    """Give the key of a URI."""
    return uri.removeprefix(f"s3://{bucket}/")


def delete(s3: Any, bucket: str, uri: str) -> None:
    """Take an object away."""
    s3.delete_object(Bucket=bucket, Key=key(uri, bucket))


def cut(s3: Any, bucket: str, uri: str) -> None:
    """Write something shorter over an object."""
    s3.put_object(Bucket=bucket, Key=key(uri, bucket), Body=b"gone")


def turn_over(s3: Any, bucket: str, uri: str) -> None:
    """Write other bytes over an object, as many, a while after its manifest."""
    data = read(s3, uri)
    s3.put_object(Bucket=bucket, Key=key(uri, bucket), Body=data[::-1])


def read(s3: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, name = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=name)["Body"].read()  # type: ignore[no-any-return]


def manifest(s3: Any, instance: Instance) -> Any:
    """Read the record of a result."""
    return json.loads(read(s3, instance.xcoms["manifest"]["manifest_uri"]))


DAMAGES = pytest.mark.parametrize(
    ("damage", "said"), [(delete, "isn't there any more"), (cut, "has 4 bytes, and had")], ids=["deleted", "cut"]
)


@DAMAGES
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_result_is_no_success(
    *, damage: Callable[..., None], said: str, number: int, which: int, s3: Any, bucket: str, emulator: Emulator
) -> None:
    """On a clear as on a duplicate: the image is named, and so is what to do; nothing is paid."""
    uris = Instance().run(cup())
    damage(s3, bucket, uris[which])
    with pytest.raises(AirflowFailException, match=rf"ImagesMissing: on_missing: got 'fail'.*{uris[which]} {said}"):
        Instance(try_number=number).run(cup())
    assert emulator.billed == 1


def test_the_remedies_work_when_followed(s3: Any, bucket: str, emulator: Emulator) -> None:
    """An image that is put back is found; a fresh round or another payment makes the result anew."""
    uris = Instance().run(cup())
    data = read(s3, uris[0])
    delete(s3, bucket, uris[0])
    s3.put_object(Bucket=bucket, Key=key(uris[0], bucket), Body=data)
    assert Instance(try_number=2).run(cup()) == uris
    assert emulator.billed == 1
    delete(s3, bucket, uris[0])
    assert len(Instance(try_number=2, max_tries=1).run(cup(reuse=False))) == 2
    assert Instance(try_number=2).run(cup(on_missing="regenerate"))
    assert emulator.billed == 3


@DAMAGES
def test_a_damaged_result_is_made_anew_where_it_may_be(
    *,
    damage: Callable[..., None],
    said: str,
    s3: Any,
    bucket: str,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is paid for by the next slot; the record in the old one's place is true, and the next run only reads."""
    first, again = Instance(), Instance(try_number=2)
    uris = first.run(cup())
    damage(s3, bucket, uris[1])
    with caplog.at_level(logging.WARNING):
        made = again.run(cup(on_missing="regenerate"))
    assert said in caplog.text
    assert all(len(read(s3, output["uri"])) == output["bytes"] for output in manifest(s3, again)["outputs"])
    assert [paid["slot"] for paid in manifest(s3, again)["calls"]] == [2]
    assert (Instance(try_number=3).run(cup(on_missing="regenerate")), emulator.billed) == (made, 2)
    assert [entry for entry in s3.list_objects_v2(Bucket=bucket)["Contents"] if "answer" in entry["Key"]] == []


@pytest.mark.parametrize("allowed", [1, 2])
def test_the_bound_holds_and_is_named(allowed: int, s3: Any, bucket: str, emulator: Emulator) -> None:
    """When no slot is left, the error says so; with one more, there are pictures again."""
    for number in range(1, allowed + 1):
        uris = Instance(try_number=number).run(cup(max_paid_calls=allowed, on_missing="regenerate"))
        delete(s3, bucket, uris[0])
    with pytest.raises(
        AirflowFailException, match=rf"ImagesMissing: max_paid_calls: {allowed} of {allowed} .*{uris[0]}"
    ):
        Instance(try_number=4).run(cup(max_paid_calls=allowed, on_missing="regenerate"))
    assert emulator.billed == allowed
    assert Instance(try_number=5).run(cup(max_paid_calls=allowed + 1, on_missing="regenerate"))


def test_other_bytes_of_the_same_size_are_found_out(
    s3: Any, bucket: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written after its manifest is read, and its hash compared; a copy with the same bytes will do."""
    uris = Instance().run(cup())
    head, later = ObjectStore.head, datetime.now(UTC) + timedelta(hours=1)

    def written_later(store: ObjectStore, uri: Any, **_: Any) -> ObjectContent:
        content = head(store, uri)
        return ObjectContent(None, content.size, content.etag, content.etag_is_md5, later)

    monkeypatch.setattr(ObjectStore, "head", written_later)
    assert Instance(try_number=2).run(cup()) == uris
    turn_over(s3, bucket, uris[0])
    with pytest.raises(AirflowFailException, match=rf"{uris[0]} was written over on .* UTC, and has other bytes now"):
        Instance(try_number=2).run(cup())
    assert emulator.billed == 1


def test_other_bytes_of_the_same_size_are_found_out_within_the_same_second(
    s3: Any, bucket: str, emulator: Emulator
) -> None:
    """S3's clock has whole seconds; it tells what an image was written with."""
    uris = Instance().run(cup())
    turn_over(s3, bucket, uris[1])
    with pytest.raises(AirflowFailException, match=rf"{uris[1]} was written over on .* UTC, and has other bytes now"):
        Instance().run(cup())
    assert emulator.billed == 1


@pytest.mark.parametrize("word", ["when_supported", "when_required"])
@pytest.mark.usefixtures("bucket")
def test_an_image_is_read_again_only_where_s3_knows_no_checksum(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A HEAD is enough; in a store that is sent no checksums, what is as old as its manifest is read."""
    read: list[str] = []
    get = ObjectStore.get

    def noted(store: ObjectStore, uri: Any, **more: Any) -> ObjectContent:
        read.append(uri)
        return get(store, uri, **more)

    monkeypatch.setattr(ObjectStore, "get", noted)
    config = {"request_checksum_calculation": word}
    uris = Instance().run(cup(botocore_config=config))
    assert Instance().run(cup(botocore_config=config)) == uris
    assert not read or word == "when_required"


def test_a_returned_mask_belongs_to_the_result(s3: Any, bucket: str, emulator: Emulator) -> None:
    """The mask that the record names is looked for like the images."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(320, 320))
    edit = TitanInpaintingOperator(
        task_id="task", image=f"s3://{bucket}/in.png", mask_prompt="sky", text="clouds", return_mask=True,
        model_id="amazon.titan-image-generator-v2:0",
    )  # fmt: skip
    instance = Instance()
    instance.run(edit)
    uri = manifest(s3, instance)["mask"]["uri"]
    delete(s3, bucket, uri)
    with pytest.raises(AirflowFailException, match=f"ImagesMissing: .*{uri} isn't there any more"):
        Instance(try_number=2).run(edit)
    assert emulator.billed == 1


def test_only_the_call_whose_image_is_gone_is_paid_for_again(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a model makes one image a call."""
    options = TEXT | {"number_of_images": 3, "seed": 7, "model_id": SD35, "region_name": "us-west-2"}
    del options["width"], options["height"]
    operator = TitanTextToImageOperator(task_id="task", on_missing="regenerate", **options)
    pictures = photo(64, 64), photo(64, 65), photo(65, 64)
    with scripted(*map(stable, pictures)) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stub.url)
        uris = Instance().run(operator)
    delete(s3, bucket, uris[1])
    again = Instance(try_number=2)
    with scripted(stable(photo(66, 66))) as stub:
        made = again.run(operator)
        assert [json.loads(heard.body)["seed"] for heard in stub.heard] == [8]
    assert (made[0], made[2]) == (uris[0], uris[2])
    assert [read(s3, uri) for uri in made] == [pictures[0], photo(66, 66), pictures[2]]
    assert [paid["slot"] for paid in manifest(s3, again)["calls"]] == [1, 2, 1]


@pytest.mark.parametrize("on_missing", ["fail", "regenerate"])
def test_images_without_their_manifest_are_a_lost_answer(
    on_missing: str, s3: Any, bucket: str, emulator: Emulator
) -> None:
    """Nobody knows what they belong to, so the next slot pays."""
    instance = Instance()
    instance.run(cup())
    delete(s3, bucket, instance.xcoms["manifest"]["manifest_uri"])
    assert Instance(try_number=2).run(cup(on_missing=on_missing))
    assert emulator.billed == 2
    delete(s3, bucket, instance.xcoms["manifest"]["manifest_uri"])
    with pytest.raises(AirflowFailException, match="OutcomeUnknown"):
        Instance(try_number=3).run(cup(on_missing=on_missing))


def test_a_refused_head_is_a_read(s3: Any, bucket: str, emulator: Emulator) -> None:
    """A store that lets objects be read and not be asked for is as good; a first byte tells the size."""
    uris = Instance().run(cup())
    emulator.inject("refuse", method="HEAD", times=None)
    assert Instance(try_number=2).run(cup()) == uris
    delete(s3, bucket, uris[0])
    with pytest.raises(AirflowFailException, match=rf"ImagesMissing: .*{uris[0]} isn't there any more"):
        Instance(try_number=2).run(cup())


@pytest.mark.parametrize("on_missing", ["fail", "regenerate"])
def test_what_may_not_be_looked_at_is_not_paid_for(on_missing: str, bucket: str, emulator: Emulator) -> None:
    """Without s3:ListBucket, S3 says 403 of what is missing too, so the task asks for it and pays nothing."""
    del bucket
    Instance().run(cup())
    for method in ("HEAD", "GET"):
        emulator.inject("refuse", method=method, key=r"/image-", times=None)
    with pytest.raises(StoreFailed, match=r"doesn't say whether s3://.*image-1.* s3:ListBucket"):
        Instance(try_number=2).run(cup(on_missing=on_missing))
    assert emulator.billed == 1


def test_a_look_that_fails_may_pass(bucket: str, emulator: Emulator) -> None:
    """An S3 that fails while it is asked is left to Airflow's retries."""
    del bucket
    uris = Instance().run(cup())
    emulator.inject("error", method="HEAD", key=r"/image-", times=None)
    with pytest.raises(StoreFailed):
        Instance(try_number=2).run(cup(botocore_config={"retries": {"total_max_attempts": 1}}))
    emulator.clear_faults()
    assert (Instance(try_number=2).run(cup()), emulator.billed) == (uris, 1)


@pytest.mark.parametrize("missing", ["", "none", None])
def test_nothing_is_the_default_and_other_words_are_refused(missing: Any, bucket: str, emulator: Emulator) -> None:
    """As with every word of a list."""
    del bucket
    if missing != "none":
        Instance().run(cup(on_missing=missing))
        return
    with pytest.raises(AirflowFailException, match=r"on_missing: got 'destroy'.*fail, regenerate"):
        Instance().run(cup(on_missing="destroy"))
    assert emulator.calls == []


def test_a_first_try_asks_for_no_image(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no dearer than before; a later one asks once for each image."""
    del bucket
    asked, head = [], ObjectStore.head
    monkeypatch.setattr(
        ObjectStore, "head", lambda store, uri, **more: (asked.append(uri), head(store, uri, **more))[1]
    )
    uris = Instance().run(cup())
    assert asked == []
    Instance(try_number=2).run(cup())
    assert asked == uris


def rows(s3: Any, uri: str) -> list[dict[str, Any]]:
    """Read a result file."""
    return [json.loads(line) for line in read(s3, uri).splitlines()]


def jars(**changes: Any) -> TitanBulkOperator:
    """Ask for six small pictures."""
    requests = [{"id": f"sku-{number}", "text": f"a jar, number {number}"} for number in range(6)]
    defaults = {"task": "text_to_image", "width": 320, "height": 704, **changes.pop("defaults", {})}
    return TitanBulkOperator(task_id="task", requests=requests, defaults=defaults, **changes)


def test_a_bulk_task_that_is_cleared_names_what_is_gone(s3: Any, bucket: str, emulator: Emulator) -> None:
    """Six of six deleted: six failed rows, each with its image, and a failed task; nothing is paid."""
    for row in rows(s3, str(Instance().run(jars()))):
        delete(s3, bucket, row["images"][0])
    again = Instance(try_number=2)
    with pytest.raises(AirflowFailException, match="isn't there any more"):
        again.run(jars(max_failures=5))
    found = rows(s3, again.xcoms["return_value"])
    assert [(row["status"], row["images"]) for row in found] == [("failed", [])] * 6
    assert {row["error"]["kind"] for row in found} == {"ImagesMissing"}
    assert emulator.billed == 6


@pytest.mark.parametrize("where", ["operator", "defaults", "line"])
def test_a_bulk_task_makes_anew_what_is_gone(where: str, s3: Any, bucket: str, emulator: Emulator) -> None:
    """Only the request whose image is gone is paid for, wherever the option stands."""
    first = rows(s3, str(Instance().run(jars())))
    delete(s3, bucket, first[2]["images"][0])
    operator = jars(on_missing="regenerate") if where == "operator" else jars()
    if where == "defaults":
        operator = jars(defaults={"on_missing": "regenerate"})
    if where == "line":
        operator.requests[2]["on_missing"] = "regenerate"
    found = rows(s3, str(Instance(try_number=2).run(operator)))
    assert [row["status"] for row in found] == ["done"] * 6
    assert all(read(s3, row["images"][0]).startswith(b"\x89PNG") for row in found)
    assert emulator.billed == 7


def test_a_budget_counts_what_is_made_anew(s3: Any, bucket: str, emulator: Emulator) -> None:
    """What was paid before counts as well: with no money left, the request is not run."""
    first = rows(s3, str(Instance().run(jars())))
    delete(s3, bucket, first[5]["images"][0])
    again = Instance(try_number=2)
    with pytest.raises(Exception, match="max_price_usd"):
        again.run(jars(on_missing="regenerate", max_price_usd=0.05, max_concurrency=1))
    assert [row["status"] for row in rows(s3, again.xcoms["return_value"])][-1] == "not_run"
    assert emulator.billed == 6


class _Store:
    """Answers HEADs by a list; counts them."""

    def __init__(self, *contents: ObjectContent | StoreRefused) -> None:
        self.contents = list(contents)

    def head(self, _: str, **__: Any) -> ObjectContent:
        content = self.contents.pop(0)
        if isinstance(content, StoreRefused):
            raise content
        return content


def test_images_are_told_apart() -> None:
    """Each broken one is named, and no sound one."""
    outputs = [
        Output(uri=f"s3://b/{name}", content_type="image/png", bytes=3, sha256="0" * 64, width=1, height=1)
        for name in "abc"
    ]
    now = datetime.now(UTC)
    store: Any = _Store(
        ObjectContent(None, 3, modified=now, sha256="0" * 64),
        StoreRefused("404", is_missing=True),
        ObjectContent(None, 4, modified=now),
    )
    assert broken_images(store, outputs, now) == {
        "s3://b/b": "isn't there any more", "s3://b/c": "has 4 bytes, and had 3 when it was published",
    }  # fmt: skip
