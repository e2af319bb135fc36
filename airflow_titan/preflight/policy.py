"""The least IAM policy for given models and a given output root, from the model data and what tasks ask of S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.aws.uri import split
from airflow_titan.errors import ConfigurationError, abbreviate
from airflow_titan.models.catalog import find
from airflow_titan.models.families import called_models

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_titan.generation.request import GuardrailName
    from airflow_titan.models.spec import ModelSpec

#: What ``airflow-titan check`` asks beyond what tasks do: without it those rows are unknown. No task needs it.
_DESCRIBE_MODELS = (
    "bedrock:GetFoundationModel",
    "bedrock:GetFoundationModelAvailability",
    "bedrock:GetInferenceProfile",
)
_DESCRIBE_BUCKET = ("s3:GetLifecycleConfiguration", "s3:GetBucketVersioning")
#: What the first call of a third party's model needs, once an account.
_SUBSCRIBE = ("aws-marketplace:Subscribe", "aws-marketplace:Unsubscribe", "aws-marketplace:ViewSubscriptions")


def least_policy(
    model_ids: Iterable[str],
    output_root: str,
    *,
    inputs: Sequence[str] = (),
    model_family: str | None = None,
    regions: Sequence[str] = (),
    account: str | None = None,
    tasks: Sequence[str] = (),
    kms_key: str | None = None,
    guardrail: GuardrailName | None = None,
    checks: bool = False,
    subscribe: bool = False,
) -> dict[str, Any]:
    """
    Return the policy for tasks that ask these models, read these inputs and write below this root.

    :param model_ids: ids or ARNs, those that requests are sent to (behind ``[titan] reroute``)
    :param output_root: ``s3://bucket/prefix`` of all results
    :param inputs: prefixes or objects of the input images and files, each ``s3://bucket/..``
    :param model_family: the family (or model) behind ARNs that hide it
    :param regions: where the models are asked; default: any region that offers them
    :param account: the number of the AWS account; default: any, which matters for inference profiles alone
    :param tasks: which tasks there are; default: all that the models do
    :param kms_key: the ARN of the key that the buckets are encrypted with, if it is one of your own
    :param guardrail: what looks at words and pictures, if anything does
    :param checks: whether to add what ``airflow-titan check`` looks at besides
    :param subscribe: whether to add what the first call of a third party's model needs
    :raises ConfigurationError: if a model is unknown, or a place is none in S3
    """
    places = [_place("inputs", place) for place in inputs]
    root = _place("output root", output_root)
    models, profiles = set[str](), set[str]()
    for model_id in model_ids:
        spec = find(model_id, model_family)
        for called in called_models(spec, tasks):
            name = model_id if called == spec.id else called
            models |= _model_arns(name, find(called), regions)
            profiles |= _profile_arns(name, find(called), regions, account)
    statements = [
        _allow("InvokeModels", ["bedrock:InvokeModel"], [*sorted(models), *sorted(profiles)]),
        _allow("ReadInputsAndResults", ["s3:GetObject"], _objects([*places, root])),
        _allow("WriteResults", ["s3:PutObject", "s3:DeleteObject"], _objects([root])),
        # without it, S3 calls a missing object a forbidden one
        _allow("TellMissingFromForbidden", ["s3:ListBucket"], _buckets([*places, root])),
    ]
    if kms_key:
        statements.append(_allow("UseTheBucketsKey", ["kms:GenerateDataKey", "kms:Decrypt"], [kms_key]))
    if guardrail:
        arns = _guardrail_arns(guardrail, regions, account)
        statements.append(_allow("ApplyTheGuardrail", ["bedrock:ApplyGuardrail"], arns))
        if checks:
            statements.append(_allow("OptionalLookAtTheGuardrail", ["bedrock:GetGuardrail"], arns))
    if checks:
        statements.append(_allow("OptionalLookAtModels", _DESCRIBE_MODELS, ["*"]))
        statements.append(_allow("OptionalLookAtTheBucket", _DESCRIBE_BUCKET, _buckets([root])))
    if subscribe:
        statements.append(_allow("SubscribeOnce", _SUBSCRIBE, ["*"]))
    return {"Version": "2012-10-17", "Statement": statements}


def _model_arns(name: str, spec: ModelSpec, asked: Sequence[str]) -> set[str]:
    """Return the ARNs of a model in each region that may work on it: a profile sends it to any of its own."""
    if name.startswith("arn:") and ":inference-profile/" not in name and ":application-inference-profile/" not in name:
        return {name}
    is_profile = name.startswith("arn:") or spec.id.startswith("us.")
    regions = spec.regions if is_profile else asked or spec.regions
    return {f"arn:aws:bedrock:{each}::foundation-model/{spec.id.removeprefix('us.')}" for each in regions}


def _profile_arns(name: str, spec: ModelSpec, asked: Sequence[str], account: str | None) -> set[str]:
    """Return the ARNs of the inference profile that a model is asked through; none of one that is asked itself."""
    if name.startswith("arn:"):
        return {name} if "inference-profile/" in name else set()
    if not spec.id.startswith("us."):
        return set()
    return {f"arn:aws:bedrock:{each}:{account or '*'}:inference-profile/{spec.id}" for each in asked or spec.regions}


def _guardrail_arns(guardrail: GuardrailName, regions: Sequence[str], account: str | None) -> list[str]:
    if guardrail.region:
        return [guardrail.identifier]
    return [f"arn:aws:bedrock:{each}:{account or '*'}:guardrail/{guardrail.id}" for each in regions or ("*",)]


def _place(parameter: str, uri: str) -> tuple[str, str]:
    """Take ``s3://bucket/prefix`` apart; an object or a whole bucket will do."""
    try:
        bucket, key = split(f"{uri.rstrip('/')}/*")
    except ValueError as error:
        raise ConfigurationError(
            f"{parameter}: got {abbreviate(uri)}, which {error}; allowed is s3://bucket/prefix. Correct it."
        ) from None
    return bucket, key


def _objects(places: Iterable[tuple[str, str]]) -> list[str]:
    # the objects of an access point lie below a name of their own
    below = {True: "/object/", False: "/"}
    return list(dict.fromkeys(f"{_arn(bucket)}{below[bucket.startswith('arn:')]}{key}" for bucket, key in places))


def _buckets(places: Iterable[tuple[str, str]]) -> list[str]:
    return list(dict.fromkeys(_arn(bucket) for bucket, _ in places))


def _arn(bucket: str) -> str:
    return bucket if bucket.startswith("arn:") else f"arn:aws:s3:::{bucket}"


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    """Return a statement; a list of one is written as that one."""
    action, resource = (list(each) if len(each) > 1 else each[0] for each in (actions, resources))
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
