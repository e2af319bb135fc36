"""Whether the bucket is there, and whether what tasks do below the output root can be done."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_titan import config
from airflow_titan.aws.conditional import PreconditionFailed
from airflow_titan.aws.failures import AWS_ERRORS
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.aws.uri import split
from airflow_titan.errors import TitanError
from airflow_titan.preflight.answers import described, is_denied, is_missing
from airflow_titan.preflight.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.preflight.deployment import Deployment

#: Objects that live for less may be gone before a task that was cleared, or its last retry, comes back for them.
_SAFE_DAYS = 7
#: Where objects can't be read without being restored first.
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
#: Conditions that can't hold for an object that is there, by their headers.
_REFUSED: dict[str, dict[str, Any]] = {
    "If-None-Match": {"IfNoneMatch": "*"},
    "If-Match": {"IfMatch": '"00000000000000000000000000000000"'},
}


def check_bucket(deployment: Deployment) -> Iterator[Row]:
    """Find out whether the bucket exists, whose it is and where it lies."""
    client, bucket = deployment.s3, _place(deployment)[0]
    try:
        response = client.head_bucket(Bucket=bucket, **_owner(deployment))
    except AWS_ERRORS as error:
        if is_missing(error):
            remedy = f"Make it (aws s3 mb s3://{bucket}), or correct [titan] output_root."
            yield Row("bucket", "wrong", f"there is no bucket {bucket}.", remedy)
        elif is_denied(error):
            found = f"{bucket} is another account's, or s3:ListBucket on it is not allowed ({described(error)})."
            yield Row("bucket", "wrong", found, f"Allow s3:ListBucket on arn:aws:s3:::{bucket}, or correct the name.")
        else:
            yield Row(
                "bucket", "wrong", f"{bucket}: {described(error)}", "Check the name, the region and the endpoint."
            )
        return
    region = response.get("BucketRegion") or response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    asked_in = client.meta.region_name
    far = f"; S3 is asked in {asked_in} and sends each process on, once" if region not in {None, asked_in} else ""
    yield Row("bucket", "right", f"{bucket}{f' in {region}' if region else ''}{far}")


def check_objects(deployment: Deployment) -> Iterator[Row]:
    """Do what tasks do: look for an object, write one, write it conditionally, read it, delete it."""
    store, uri = _store(deployment), f"{str(deployment.output_root).rstrip('/')}/airflow-titan-check-{uuid.uuid4().hex}"
    try:
        store.read(uri)
    except TitanError as error:
        yield Row("read", "wrong", str(error), _read_remedy(uri))
        return
    yield Row("read", "right", "a missing object is told from a forbidden one")
    if not deployment.options.write:
        yield Row("write", "skipped", "by --no-write, and with it conditional writes, encryption and delete")
        return
    try:
        data = json.dumps({"written_by": "airflow-titan check", "delete": "at any time"}).encode()
        store.write(uri, data)
    except TitanError as error:
        yield Row("write", "wrong", str(error), _write_remedy(str(error)))
        return
    try:
        yield Row("write", "right", f"below {deployment.output_root}")
        yield _conditions(store, uri, data)
        yield _encryption(deployment, uri)
        yield _read_back(store, uri, data)
        store.delete(uri)
        yield Row("delete", "right", "allowed below the output root")
    except TitanError as error:
        yield Row("delete", "wrong", str(error), f"Allow s3:DeleteObject there; {uri} may be deleted by hand.")
    finally:
        # also where the caller stops listening
        with suppress(TitanError):
            store.delete(uri)


def check_lifetime(deployment: Deployment) -> Iterator[Row]:
    """Look for rules of the bucket by which results vanish, or can't be read any more."""
    bucket, key = _place(deployment)
    try:
        rules = deployment.s3.get_bucket_lifecycle_configuration(Bucket=bucket, **_owner(deployment))["Rules"]
    except AWS_ERRORS as error:
        if is_missing(error):
            yield Row("lifecycle rules", "right", "none: results stay")
        else:
            yield _not_allowed("lifecycle rules", error, "s3:GetLifecycleConfiguration")
        return
    prefix = key.removesuffix("_")
    told = [
        text for rule in rules if rule.get("Status") == "Enabled" and _applies(rule, prefix) for text in _ends(rule)
    ]
    wrong = [text for days, text in told if days < _SAFE_DAYS]
    if wrong:
        remedy = (
            f"Leave {prefix} out of the rule, or let it wait for {_SAFE_DAYS} days or more: a task that is retried or "
            "cleared later looks for its slots and images, and pays again where they are gone."
        )
        yield Row("lifecycle rules", "wrong", "; ".join(wrong), remedy)
    else:
        yield Row("lifecycle rules", "right", "; ".join(text for _, text in told) or "none that ends results")


def check_versioning(deployment: Deployment) -> Iterator[Row]:
    """Say whether what tasks delete stays behind as old versions."""
    try:
        bucket = _place(deployment)[0]
        status = deployment.s3.get_bucket_versioning(Bucket=bucket, **_owner(deployment)).get("Status", "off")
    except AWS_ERRORS as error:
        yield _not_allowed("versioning", error, "s3:GetBucketVersioning")
        return
    kept = ": answers that tasks delete stay as old versions, so let a lifecycle rule end those"
    yield Row("versioning", "right", f"{status.lower()}{kept if status == 'Enabled' else ''}")


def _place(deployment: Deployment) -> tuple[str, str]:
    return split(f"{str(deployment.output_root).rstrip('/')}/_")


def _owner(deployment: Deployment) -> dict[str, str]:
    owner = deployment.options.expected_bucket_owner
    return {"ExpectedBucketOwner": owner} if owner else {}


def _store(deployment: Deployment) -> ObjectStore:
    options = deployment.options
    encryption = {"ServerSideEncryption": options.server_side_encryption, "SSEKMSKeyId": options.sse_kms_key_id}
    return ObjectStore(
        deployment.s3,
        expected_bucket_owner=options.expected_bucket_owner,
        encryption={name: value for name, value in encryption.items() if value},
        unsafe=True,
    )


def _conditions(store: ObjectStore, uri: str, data: bytes) -> Row:
    """Ask for two writes that must be refused: over an object that is there, and over content that isn't."""
    ignored = []
    for header, condition in _REFUSED.items():
        try:
            store.write(uri, data, **condition)
        except PreconditionFailed:
            continue
        except TitanError as error:
            return Row("conditional writes", "wrong", f"{header}: {error}", _UNSAFE)
        ignored.append(header)
    if not ignored:
        return Row("conditional writes", "right", "a second one is refused")
    found = f"the store ignores {' and '.join(ignored)}, so nothing can keep two workers from paying for one picture."
    if config.unsafe_store():
        return Row("conditional writes", "right", f"{found} [titan] unsafe_store allows it.")
    return Row("conditional writes", "wrong", found, _UNSAFE)


_UNSAFE = "Use S3 or a store that honours them, or set [titan] unsafe_store = True."


def _encryption(deployment: Deployment, uri: str) -> Row:
    """Look at what was written: how it is encrypted, and by which key."""
    bucket, key = split(uri)
    try:
        head = deployment.s3.head_object(Bucket=bucket, Key=key, **_owner(deployment))
    except AWS_ERRORS as error:
        return Row("encryption", "wrong", described(error), "Allow s3:GetObject there, and kms:Decrypt on the key.")
    used, key_id = head.get("ServerSideEncryption", "the store tells of none"), head.get("SSEKMSKeyId")
    return Row("encryption", "right", f"{used}{f' with {key_id}' if key_id else ''}")


def _read_back(store: ObjectStore, uri: str, data: bytes) -> Row:
    try:
        entry = store.read(uri)
    except TitanError as error:
        return Row("read back", "wrong", str(error), _read_remedy(uri))
    if entry is None or entry.data != data:
        return Row(
            "read back", "wrong", "what was written a moment ago is not there.", "Use a consistent store, as S3 is."
        )
    return Row("read back", "right", "what was written is there at once")


def _read_remedy(uri: str) -> str:
    bucket, key = split(uri)
    below = key.rpartition("/")[0]
    where = f"arn:aws:s3:::{bucket}/{below}/*" if below else f"arn:aws:s3:::{bucket}/*"
    return f"Allow s3:GetObject on {where}, and s3:ListBucket on arn:aws:s3:::{bucket}; without it S3 says 403 for 404."


def _write_remedy(message: str) -> str:
    if "kms" in message.lower():
        return "Allow kms:GenerateDataKey and kms:Decrypt on the key, also in the key's own policy."
    return "Allow s3:PutObject below the output root."


def _applies(rule: dict[str, Any], prefix: str) -> bool:
    """Return whether a rule may concern what lies below a prefix; one with tags may not, as nothing here has tags."""
    filters = rule.get("Filter", {})
    both = filters.get("And", filters)
    if both.get("Tag") or both.get("Tags"):
        return False
    own = both.get("Prefix", rule.get("Prefix", ""))
    return prefix.startswith(own) or own.startswith(prefix)


def _ends(rule: dict[str, Any]) -> Iterator[tuple[float, str]]:
    """Give what a rule does that ends results: after how many days, and in words."""
    name, expiration = f"rule {rule.get('ID', '')!r}", rule.get("Expiration", {})
    if "Days" in expiration:
        yield expiration["Days"], f"{name} deletes objects after {expiration['Days']} days"
    if "Date" in expiration:
        yield 0, f"{name} deletes objects on {expiration['Date']:%Y-%m-%d}"
    for transition in rule.get("Transitions", ()):
        if transition.get("StorageClass") in _ARCHIVES:
            days = transition.get("Days", 0)
            yield days, f"{name} archives objects after {days} days, where they can't be read"


def _not_allowed(name: str, error: Exception, permission: str) -> Row:
    return Row(name, "unknown", described(error), f"Allow {permission} on the bucket to find out. No task needs it.")
