"""The generating operators against the emulator: keys, seeds, records, templates and mapping."""

from __future__ import annotations

import inspect
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import mask, photo
from PIL import Image as Pillow

from airflow_titan.errors import ConfigurationError
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.models.tasks import parameters
from airflow_titan.operators import (
    TitanBackgroundRemovalOperator,
    TitanColorGuidedOperator,
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

OPERATORS = [
    TitanTextToImageOperator, TitanInpaintingOperator, TitanOutpaintingOperator, TitanImageVariationOperator,
    TitanColorGuidedOperator, TitanBackgroundRemovalOperator,
]  # fmt: skip
#: Ids that would leave their folder, or break a key, if they were taken as they are.
STRANGE = ["../..", "..", ".", "a/b", "/", "%2e%2e", "%2F", "a b", "ä 🎨", "a\\b", "a\nb", "?x#y", "'\"", "x" * 250]


def small(**changes: Any) -> TitanTextToImageOperator:
    """Ask for the smallest picture."""
    given = {"text": "a lighthouse", "width": 320, "height": 704}
    return TitanTextToImageOperator(task_id="task", **given | changes)


def uploaded(s3: Any, bucket: str, name: str, data: bytes) -> str:
    """Put a picture where an operator can read it."""
    s3.put_object(Bucket=bucket, Key=name, Body=data)
    return f"s3://{bucket}/{name}"


def object_at(s3: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_is_a_template_field(operator: Any) -> None:
    """Whatever can be given can be a template: the task's own parameters and those of every operator."""
    taken = set()
    for kind in operator.__mro__[:-1]:
        if kind.__module__.startswith("airflow_titan") and "__init__" in vars(kind):
            taken |= set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}
    assert set(operator.template_fields) == taken
    assert set(parameters(operator.task_class)) <= taken


@pytest.mark.parametrize("operator", OPERATORS)
def test_fields_are_kept_as_they_were_given(operator: Any) -> None:
    """A constructor that looked at its values would look at unrendered templates."""
    given = {name: f"{{{{ params.{name} }}}}" for name in operator.template_fields}
    made = operator(task_id="task", **given)
    assert {name: getattr(made, name) for name in given} == given


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_template_is_rendered(operator: Any) -> None:
    """Rendering reaches each field."""
    made = operator(task_id="task", **dict.fromkeys(operator.template_fields, "{{ word }}"))
    made.render_template_fields({"word": "rendered"})
    assert {getattr(made, name) for name in operator.template_fields} == {"rendered"}


@pytest.mark.parametrize(
    ("operator", "field"),
    [(TitanTextToImageOperator, "text"), (TitanInpaintingOperator, "image"), (TitanOutpaintingOperator, "image"),
     (TitanImageVariationOperator, "images"), (TitanColorGuidedOperator, "reference_image"),
     (TitanBackgroundRemovalOperator, "image")],
)  # fmt: skip
def test_operators_map_over_what_others_return(operator: Any, field: str) -> None:
    """``partial`` and ``expand`` take each parameter on either side."""
    rest = {name: "x" for name in operator.template_fields if name != field}
    mapped = operator.partial(task_id="task", **rest).expand(**{field: ["s3://b/1", "s3://b/2"]})
    assert mapped.operator_class is operator


def test_numbers_from_templates_are_numbers(emulator: Emulator, bucket: str) -> None:
    """What a template rendered to text reaches the model as a number."""
    del bucket
    Instance().run(small(width="320", height="704", seed="7", cfg_scale="8.0", number_of_images="1"))
    assert emulator.calls[0].body["imageGenerationConfig"] == {
        "numberOfImages": 1, "width": 320, "height": 704, "cfgScale": 8.0, "seed": 7,
    }  # fmt: skip


def test_the_manifest_tells_the_whole_story(s3: Any, bucket: str) -> None:
    """Request, inputs, model, outputs and origin are all in the record beside the images."""
    image, hole = uploaded(s3, bucket, "in.png", photo(320, 704)), uploaded(s3, bucket, "m.png", mask(320, 704))
    operator = TitanInpaintingOperator(
        task_id="task", image=[image], mask_image=hole, text="a red cup", quality="premium",
        model_id="amazon.titan-image-generator-v1", region_name="us-west-2",
    )  # fmt: skip
    instance = Instance(dag_id="d", run_id="r", map_index=3, try_number=1)
    (uri,) = instance.run(operator)
    record = json.loads(object_at(s3, instance.xcoms["manifest"]["manifest_uri"]))
    assert record["parameters"] == {
        "image": image, "mask_image": hole, "text": "a red cup", "quality": "premium", "seed": record["seed"],
    }  # fmt: skip
    assert [(entry["parameter"], entry["uri"], entry["bytes"]) for entry in record["inputs"]] == [
        ("image", image, len(photo(320, 704))), ("mask_image", hole, len(mask(320, 704))),
    ]  # fmt: skip
    assert all(entry["etag"] for entry in record["inputs"])
    (output,) = record["outputs"]
    assert (output["uri"], output["width"], output["height"]) == (uri, 320, 704)
    assert output["bytes"] == len(object_at(s3, uri))
    assert record["model"] == {
        "id": "amazon.titan-image-generator-v1", "invoked": "amazon.titan-image-generator-v1", "asked_for": None,
        "family": "titan", "region": "us-west-2",
    }  # fmt: skip
    assert record["task_instance"] == {
        "dag_id": "d", "run_id": "r", "task_id": "task", "map_index": 3, "try_number": 1
    }  # fmt: skip
    assert (record["status"], record["price_usd"], record["blocked"]) == ("complete", 0.01, None)
    assert record["aws_request_id"]
    assert record["seed_derived"] is True


def test_results_lie_below_the_output_root(bucket: str) -> None:
    """By DAG, run, task and map index, so that a person finds them."""
    (uri,) = Instance(dag_id="d", run_id="r", map_index=2).run(small())
    assert uri.startswith(f"s3://{bucket}/results/d/r/task/2/")


def test_results_lie_below_the_users_prefix(bucket: str) -> None:
    """A prefix of the user's own is taken as it is."""
    (uri,) = Instance(dag_id="d").run(small(output_prefix=f"s3://{bucket}/mine/"))
    assert uri.startswith(f"s3://{bucket}/mine/")
    assert "/d/" not in uri


def test_no_two_task_instances_share_a_key(bucket: str) -> None:
    """Even one prefix and one seed for all give each its own keys."""
    instances = [
        Instance(), Instance(dag_id="d2"), Instance(run_id="r2"), Instance(task_id="t2"), Instance(map_index=0),
        Instance(map_index=1),
    ]  # fmt: skip
    uris = [instance.run(small(output_prefix=f"s3://{bucket}/one", seed=1))[0] for instance in instances]
    assert len({uri.rsplit("/", 1)[0] for uri in uris}) == len(instances)


def test_two_requests_of_one_instance_share_no_key(bucket: str) -> None:
    """A task that was changed and cleared doesn't write over what it made before."""
    one, two = (Instance().run(small(output_prefix=f"s3://{bucket}/one", text=text))[0] for text in ("a", "b"))
    assert one.rsplit("/", 1)[0] != two.rsplit("/", 1)[0]


@pytest.mark.parametrize("part", ["dag_id", "run_id", "task_id"])
@pytest.mark.parametrize("strange", STRANGE)
def test_no_id_leaves_its_folder(part: str, strange: str) -> None:
    """Whatever an id holds becomes one segment of the key, between the root and what follows."""
    owner = TaskInstance(**{"dag_id": "d", "run_id": "r", "task_id": "t", part: strange})
    prefix = ResultLocation.of(owner, prefix=None, root="s3://bucket/root").prefix
    segments = prefix.removeprefix("s3://bucket/root/").split("/")
    assert len(segments) == 3
    assert not {"", ".", ".."} & set(segments)


def test_strange_ids_have_places_of_their_own() -> None:
    """Quoting never makes two ids one."""
    owners = [TaskInstance(dag_id=strange, run_id="r", task_id="t") for strange in STRANGE]
    assert len({ResultLocation.of(owner, prefix=None, root="s3://b").prefix for owner in owners}) == len(STRANGE)


def test_the_longest_ids_make_a_key_that_s3_takes() -> None:
    """Airflow allows 250 letters of any script in an id; S3 allows 1,024 bytes in a key."""
    owner = TaskInstance(dag_id="ä" * 250, run_id="r" * 250, task_id="漢" * 250, map_index=12)
    folder = ResultLocation.of(owner, prefix=None, root="s3://bucket/root").folder("f" * 64)
    assert len(folder.removeprefix("s3://bucket/").encode()) + len("/image-5-0123456789abcdef.png") <= 1024


@pytest.mark.parametrize(
    "prefix", ["bucket/a", "s3:/bucket", "/a", "s3://bucket/../x", "s3://bucket/./x", "http://b/k"]
)
def test_a_prefix_that_is_none_is_said_before_anything_is_paid(prefix: str, emulator: Emulator, bucket: str) -> None:
    """The message names the parameter and what is allowed."""
    del bucket
    with pytest.raises(AirflowFailException, match=r"output_prefix: got .*allowed is s3://bucket/prefix"):
        Instance().run(small(output_prefix=prefix))
    assert emulator.calls == []


def test_without_any_place_the_error_says_where_to_set_one() -> None:
    """The parameter and the configuration are both named."""
    owner = TaskInstance(dag_id="d", run_id="r", task_id="t")
    with pytest.raises(ConfigurationError, match=r"output_prefix.*output_root"):
        ResultLocation.of(owner, prefix=None, root=None)


def test_a_bucket_that_is_missing_is_said_before_anything_is_paid(emulator: Emulator) -> None:
    """Where nothing can be written nothing should be bought."""
    with pytest.raises(AirflowFailException, match="NoSuchBucket"):
        Instance().run(small(output_prefix="s3://no-such-bucket/x"))
    assert emulator.calls == []


@pytest.mark.parametrize("other", [{"dag_id": "d2"}, {"run_id": "r2"}, {"task_id": "t2"}, {"map_index": 0}])
def test_every_other_instance_gets_another_seed(other: dict[str, Any]) -> None:
    """Each run and each mapped task gets a new picture."""
    seeds = [
        ResultLocation.of(
            TaskInstance(**{"dag_id": "d", "run_id": "r", "task_id": "t"} | change), prefix="s3://b/k", root=None
        ).seed(2_147_483_646)
        for change in ({}, other)
    ]  # fmt: skip
    assert seeds[0] != seeds[1]
    assert all(0 <= seed <= 2_147_483_646 for seed in seeds)


def test_a_retry_gets_the_same_seed(emulator: Emulator, bucket: str) -> None:
    """The seed doesn't hang on the try, and what was sent is what is recorded."""
    del bucket
    instances = [Instance(run_id="r1"), Instance(run_id="r1", try_number=2)]
    for instance in instances:
        instance.run(small())
    seeds = {instance.xcoms["manifest"]["seed"] for instance in instances}
    assert seeds == {emulator.calls[0].body["imageGenerationConfig"]["seed"]}


def test_a_seed_of_ones_own_is_taken(s3: Any, bucket: str) -> None:
    """Zero is a seed too."""
    del bucket
    instance = Instance()
    instance.run(small(seed=0))
    record = json.loads(object_at(s3, instance.xcoms["manifest"]["manifest_uri"]))
    assert (record["seed"], record["seed_derived"]) == (0, False)


def test_nested_lists_are_flattened(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Lists of lists are what mapped tasks return."""
    uris = [uploaded(s3, bucket, f"{number}.png", photo(320, 256 + number)) for number in range(3)]
    operator = TitanImageVariationOperator(task_id="task", images=[[uris[0]], (uris[1], [uris[2]])])
    Instance().run(operator)
    assert len(emulator.calls[0].body["imageVariationParams"]["images"]) == 3


@pytest.mark.parametrize("number", [1, 5])
def test_the_record_in_xcom_is_small(number: int, s3: Any, bucket: str) -> None:
    """Under 2 KiB, with the longest ARN, ids, texts and prefix that are allowed."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/" + "a" * 1_979
    uris = [uploaded(s3, bucket, f"{'k' * 900}{number}", photo(320, 256)) for number in range(number)]
    operator = TitanImageVariationOperator(
        task_id="task", images=uris, text="🎨" * 512, negative_text="ü" * 512, number_of_images=number,
        model_id=arn, model_family="titan", output_prefix=f"s3://{bucket}/{'p' * 900}",
    )  # fmt: skip
    instance = Instance(dag_id="d" * 250, run_id="r" * 250, task_id="t" * 250)
    instance.run(operator)
    assert len(json.dumps(instance.xcoms["manifest"])) < 2_048


def test_edits_chain(s3: Any, bucket: str) -> None:
    """What one operator returns the next one takes, and each edit keeps the size."""
    del bucket
    made = Instance(task_id="a").run(small())
    filled = Instance(task_id="b").run(
        TitanInpaintingOperator(task_id="b", image=made, mask_prompt="sky", text="clouds")
    )
    wide = Instance(task_id="c").run(
        TitanOutpaintingOperator(task_id="c", image=filled, mask_prompt="tower", text="a storm")
    )
    varied = Instance(task_id="d").run(TitanImageVariationOperator(task_id="d", images=[made, filled, wide]))
    assert Pillow.open(BytesIO(object_at(s3, varied[0]))).size == (320, 704)
