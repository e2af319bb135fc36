"""The least policy: enough for what tasks do, and no more."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from instance import Instance
from pictures import mask, photo, saved
from PIL import Image

from airflow_titan.cli import main
from airflow_titan.errors import ConfigurationError
from airflow_titan.generation.request import GuardrailName
from airflow_titan.models.catalog import models
from airflow_titan.operators import (
    TitanBackgroundRemovalOperator,
    TitanColorGuidedOperator,
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanRecolorOperator,
    TitanStyleTransferOperator,
    TitanTextToImageOperator,
    TitanUpscaleOperator,
)
from airflow_titan.preflight.policy import least_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.emulator import Emulator

SD35, INPAINT = "stability.sd3-5-large-v1:0", "stability.stable-image-inpaint-v1:0"
CORE, ULTRA = "stability.stable-image-core-v1:1", "stability.stable-image-ultra-v1:1"
MODES = ("fast", "conservative", "creative")
ROOT, ACCOUNT = "s3://titan-images/results", "123456789012"


def resources(policy: dict[str, Any], action: str) -> list[str]:
    """Give what a policy allows an action on."""
    found: list[str] = []
    for statement in policy["Statement"]:
        actions, allowed = statement["Action"], statement["Resource"]
        if action in ([actions] if isinstance(actions, str) else actions):
            found += [allowed] if isinstance(allowed, str) else allowed
    return found


@pytest.mark.parametrize("model", [SD35, CORE, ULTRA, "amazon.titan-image-generator-v2:0"])
def test_every_model_that_tasks_call_is_allowed_and_no_other(
    emulator: Emulator, s3: Any, bucket: str, model: str
) -> None:
    """All tasks in all their ways, run against the emulator, call exactly what the policy names."""
    half = mask(320, 320)
    other = Image.open(BytesIO(half))
    other.putpixel((319, 319), 0)
    for name, data in (("in.png", photo(320, 320)), ("mask.png", half), ("other.png", saved(other))):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    here: dict[str, Any] = {"task_id": "task", "model_id": model, "region_name": "us-west-2", "translate": "lenient"}
    image, black = f"s3://{bucket}/in.png", f"s3://{bucket}/mask.png"
    stability: Sequence[Any] = (
        TitanTextToImageOperator(text="a", condition_image=image, control_mode="SKETCH", **here),
        TitanColorGuidedOperator(text="a", colors=["#FF0000"], reference_image=image, **here),
        TitanOutpaintingOperator(image=image, mask_image=f"s3://{bucket}/other.png", text="a beach", **here),
        TitanRecolorOperator(image=image, mask_prompt="a cup", text="red", **here),
        TitanStyleTransferOperator(image=image, style_image=image, **here),
        *(TitanUpscaleOperator(image=image, mode=mode, text="a boat", **here) for mode in MODES),
    )
    for operator in (
        *(stability if model.startswith("stability") else ()),
        TitanTextToImageOperator(text="a boat", width=320, height=704, **here),
        TitanTextToImageOperator(text="a boat", condition_image=image, width=320, height=704, **here),
        TitanInpaintingOperator(image=image, mask_prompt="a cup", text="a boat", **here),
        TitanInpaintingOperator(image=image, mask_image=black, text="a boat", **here),
        TitanInpaintingOperator(image=image, mask_image=black, **here),
        TitanOutpaintingOperator(image=image, mask_image=black, text="a beach", **here),
        TitanImageVariationOperator(images=[image], **here),
        TitanBackgroundRemovalOperator(image=image, **here),
    ):
        Instance().run(operator)
    called = set()
    for call in emulator.calls:
        assert call.region == "us-west-2"
        plain = call.model_id.removeprefix("us.")
        called.add(f"arn:aws:bedrock:us-west-2::foundation-model/{plain}")
        if plain != call.model_id:
            called.add(f"arn:aws:bedrock:us-west-2:{ACCOUNT}:inference-profile/{call.model_id}")
    allowed = resources(least_policy([model], ROOT, regions=["us-west-2"], account=ACCOUNT), "bedrock:InvokeModel")
    assert {arn for arn in allowed if ":us-west-2:" in arn} == called
    profiled = {arn.rpartition("/us.")[2] for arn in allowed if "inference-profile/" in arn}
    assert {arn.rpartition("/")[2] for arn in allowed if ":us-east-" in arn} == profiled


def test_a_profile_needs_its_models_in_all_of_its_regions() -> None:
    """And itself in the region that is asked, of any account unless one is named."""
    allowed = resources(
        least_policy([f"us.{INPAINT}"], ROOT, regions=["us-east-1"], tasks=["outpainting"]), "bedrock:InvokeModel"
    )
    assert allowed == [
        f"arn:aws:bedrock:us-east-1::foundation-model/{INPAINT}",
        f"arn:aws:bedrock:us-east-2::foundation-model/{INPAINT}",
        f"arn:aws:bedrock:us-west-2::foundation-model/{INPAINT}",
        f"arn:aws:bedrock:us-east-1:*:inference-profile/us.{INPAINT}",
    ]


@pytest.mark.parametrize("model", list(models()))
@pytest.mark.parametrize("task", ["text_to_image", "inpainting", "background_removal"])
def test_fewer_tasks_need_no_more(model: str, task: str) -> None:
    """What one task needs is part of what all need."""
    if models()[model].takes(task):
        one, all_of_them = (least_policy([model], ROOT, tasks=tasks) for tasks in ([task], []))
        assert set(resources(one, "bedrock:InvokeModel")) <= set(resources(all_of_them, "bedrock:InvokeModel"))


@pytest.mark.parametrize(
    ("arn", "allowed"),
    [
        ("arn:aws:bedrock:us-east-1:1:provisioned-model/a", ["arn:aws:bedrock:us-east-1:1:provisioned-model/a"]),
        (
            f"arn:aws:bedrock:us-west-2::foundation-model/{SD35}",
            [f"arn:aws:bedrock:us-west-2::foundation-model/{SD35}"],
        ),
        (
            "arn:aws:bedrock:us-west-2:1:application-inference-profile/a",
            [
                f"arn:aws:bedrock:us-west-2::foundation-model/{SD35}",
                "arn:aws:bedrock:us-west-2:1:application-inference-profile/a",
            ],
        ),
    ],
)
def test_an_arn_is_allowed_by_itself(arn: str, allowed: list[str]) -> None:
    """With the models behind it, where it is a profile."""
    policy = least_policy([arn], ROOT, model_family="stability", tasks=["image_variation"])
    assert resources(policy, "bedrock:InvokeModel") == allowed


def test_objects_are_read_in_two_places_and_written_in_one() -> None:
    """Below the root alone; nobody writes where inputs lie."""
    policy = least_policy([SD35], ROOT, inputs=["s3://uploads/photos/"])
    inputs, results = "arn:aws:s3:::uploads/photos/*", "arn:aws:s3:::titan-images/results/*"
    assert resources(policy, "s3:GetObject") == [inputs, results]
    assert resources(policy, "s3:PutObject") == resources(policy, "s3:DeleteObject") == [results]
    assert resources(policy, "s3:ListBucket") == ["arn:aws:s3:::uploads", "arn:aws:s3:::titan-images"]
    assert fnmatchcase("arn:aws:s3:::titan-images/results/dag/run/task/a/slot-1.json", results)


def test_what_only_the_check_asks_is_marked_optional() -> None:
    """And only reads."""
    plain, more = (least_policy([SD35], ROOT, checks=checks) for checks in (False, True))
    added = [statement for statement in more["Statement"] if statement not in plain["Statement"]]
    assert all(statement["Sid"].startswith("Optional") for statement in added)
    actions = [action for statement in added for action in statement["Action"]]
    assert all(action.partition(":")[2].startswith("Get") for action in actions)


def test_a_key_and_a_subscription_are_added_when_asked_for() -> None:
    """Each has a statement of its own."""
    policy = least_policy([SD35], ROOT, kms_key="arn:aws:kms:us-west-2:1:key/a", subscribe=True)
    assert resources(policy, "kms:Decrypt") == ["arn:aws:kms:us-west-2:1:key/a"]
    assert resources(policy, "aws-marketplace:Subscribe") == ["*"]


@pytest.mark.parametrize(
    ("guardrail", "arn"),
    [
        ("gr1", f"arn:aws:bedrock:us-west-2:{ACCOUNT}:guardrail/gr1"),
        ("arn:aws:bedrock:eu-west-1:1:guardrail/gr1", "arn:aws:bedrock:eu-west-1:1:guardrail/gr1"),
    ],
)
def test_a_guardrail_may_be_asked_and_no_other(guardrail: str, arn: str) -> None:
    """And described, where the check is to look."""
    name = GuardrailName(guardrail)
    policy = least_policy([SD35], ROOT, regions=["us-west-2"], account=ACCOUNT, guardrail=name, checks=True)
    assert resources(policy, "bedrock:ApplyGuardrail") == resources(policy, "bedrock:GetGuardrail") == [arn]
    assert resources(least_policy([SD35], ROOT), "bedrock:ApplyGuardrail") == []


def test_several_regions_are_allowed_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """An ARN for each: of models that are asked themselves, of profiles, and of a guardrail that is named by its id."""
    arguments = ["--region", "us-east-1", "--region", "us-west-2", "--account", ACCOUNT, "--guardrail", "gr1"]
    assert main(["policy", "--model", f"us.{INPAINT}", "--task", "outpainting", *arguments]) == 0
    policy = json.loads(capsys.readouterr().out)
    invoked = resources(policy, "bedrock:InvokeModel")
    regions = ("us-east-1", "us-west-2")
    assert [arn for arn in invoked if "inference-profile" in arn] == [
        f"arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/us.{INPAINT}" for region in regions
    ]
    assert resources(policy, "bedrock:ApplyGuardrail") == [
        f"arn:aws:bedrock:{region}:{ACCOUNT}:guardrail/gr1" for region in regions
    ]
    titan = "amazon.titan-image-generator-v2:0"
    plain = resources(least_policy([titan], ROOT, regions=regions), "bedrock:InvokeModel")
    assert plain == [f"arn:aws:bedrock:{region}::foundation-model/{titan}" for region in regions]


@pytest.mark.parametrize(("root", "model"), [("/data", SD35), (ROOT, "titan-3")])
def test_what_makes_no_sense_is_said(root: str, model: str) -> None:
    """As every other setting."""
    with pytest.raises(ConfigurationError, match="got"):
        least_policy([model], root)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For the settings' model behind its reroute, and the settings' root."""
    monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", json.dumps({"amazon.titan-image-generator-v2:0": SD35}))
    assert main(["policy", "--task", "text-to-image", "--region", "us-west-2"]) == 0
    policy = json.loads(capsys.readouterr().out)
    assert policy == least_policy([SD35], ROOT, tasks=["text_to_image"], regions=["us-west-2"])
    monkeypatch.setenv("AIRFLOW__TITAN__GUARDRAIL_ID", "usual")
    assert main(["policy", "--region", "us-west-2"]) == 0
    usual = json.loads(capsys.readouterr().out)
    assert resources(usual, "bedrock:ApplyGuardrail") == ["arn:aws:bedrock:us-west-2:*:guardrail/usual"]
    with pytest.raises(SystemExit, match="airflow-titan policy: output root: got '/data'"):
        main(["policy", "--output-root", "/data"])
