"""Links to AWS's console: the right partition, region and page, or none at all."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_titan.links import TitanBedrockModelLink, TitanS3PrefixLink

TITAN = "amazon.titan-image-generator-v2:0"
INPAINT = "stability.stable-image-inpaint-v1:0"
RECORD = "s3://pictures/results/dag/run/task/0a1b/manifest.json"


def prefix(uri: str | None = RECORD, region: str | None = "us-east-1") -> str:
    """Give the link to where a record lies."""
    return TitanS3PrefixLink().address({"manifest_uri": uri, "s3_region": region})


def model(**record: Any) -> str:
    """Give the link to a record's model."""
    return TitanBedrockModelLink().address(record)


def catalog(host: str, region: str, model_id: str = TITAN) -> str:
    """Give the address of a model's page."""
    return f"https://{region}.{host}/bedrock/home?region={region}#/model-catalog/serverless/{model_id}"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "console.aws.amazon.com"),
        ("eu-central-2", "console.aws.amazon.com"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
        ("cn-north-1", "console.amazonaws.cn"),
    ],
)
def test_each_partition_has_a_console_of_its_own(region: str, host: str) -> None:
    """Both links lead to the console of the partition that the region is in."""
    query = f"region={region}&prefix=results%2Fdag%2Frun%2Ftask%2F0a1b%2F"
    assert prefix(region=region) == f"https://{region}.{host}/s3/buckets/pictures?{query}"
    assert model(model_id=TITAN, region=region) == catalog(host, region)


@pytest.mark.parametrize("region", ["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"])
def test_other_partitions_have_no_link(region: str) -> None:
    """No link is better than one to the console of another partition."""
    assert (prefix(region=region), model(model_id=TITAN, region=region)) == ("", "")


@pytest.mark.parametrize("region", ["evil.example/", "us-east-1.evil", "us east", "a@b", "x#y", "über-west-1"])
def test_a_region_that_is_none_leads_nowhere(region: str) -> None:
    """XCom can be written by users; what is no region doesn't become part of a host's name."""
    assert (prefix(region=region), model(model_id=TITAN, region=region)) == ("", "")


def test_without_a_region_the_console_finds_the_bucket() -> None:
    """S3's console needs none; Bedrock's catalog is another in each region."""
    assert (
        prefix(region=None)
        == "https://console.aws.amazon.com/s3/buckets/pictures?prefix=results%2Fdag%2Frun%2Ftask%2F0a1b%2F"
    )
    assert model(model_id=TITAN, region=None) == ""


def test_what_a_key_holds_stays_in_the_prefix() -> None:
    """Percent signs, spaces, ampersands, hashes and other letters of a key are encoded once."""
    link = prefix("s3://pictures/a b/100%25/x&y=z#q?/ü/манифест.json")
    assert link.endswith("&prefix=a+b%2F100%2525%2Fx%26y%3Dz%23q%3F%2F%C3%BC%2F")


def test_a_record_at_the_top_of_a_bucket_links_to_the_bucket() -> None:
    """There is no folder to name."""
    assert (
        prefix("s3://pictures/manifest.json")
        == "https://us-east-1.console.aws.amazon.com/s3/buckets/pictures?region=us-east-1"
    )


@pytest.mark.parametrize(
    "uri",
    [
        None, "", "s3://pictures", "https://evil.example/x", 7, ["s3://a/b"],
        "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/mine/results/manifest.json",
        "s3://mine-abcdefg-s3alias/results/manifest.json", "s3://mine--use1-az4--x-s3/results/manifest.json",
        "s3://a?b/results/manifest.json", "s3://a#b/results/manifest.json", "s3://../results/manifest.json",
    ],
)  # fmt: skip
def test_what_is_no_bucket_of_the_console_has_no_link(uri: Any) -> None:
    """Nothing known, no URI at all, or a bucket that the console shows elsewhere: no link, and no error."""
    assert _by_xcom(TitanS3PrefixLink(), {"manifest_uri": uri, "s3_region": "us-east-1"}) == ""


@pytest.mark.parametrize(
    ("model_id", "shown"),
    [
        (TITAN, TITAN),
        (f"us.{INPAINT}", INPAINT),
        (f"arn:aws:bedrock:us-west-2::foundation-model/{TITAN}", TITAN),
        (f"arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.{INPAINT}", INPAINT),
        (f"global.{INPAINT}", INPAINT),
    ],
)
def test_a_profile_leads_to_its_model(model_id: str, shown: str) -> None:
    """ARNs and profiles that tell their model link to that model's page."""
    assert model(model_id=model_id, region="us-west-2") == catalog("console.aws.amazon.com", "us-west-2", shown)


@pytest.mark.parametrize(
    "model_id",
    [
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
        "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc",
        "x", "../../evil", f"{TITAN}?x=1", f"{TITAN}#y", "'amazon.titan-im..'", "", None, 7,
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_told_has_no_link(model_id: Any) -> None:
    """No page rather than a wrong one."""
    assert _by_xcom(TitanBedrockModelLink(), {"model_id": model_id, "region": "us-east-1"}) == ""


def test_a_bulk_task_links_to_its_one_model() -> None:
    """Where it was asked follows from where the model is offered; of several models none is the one."""
    assert model(models=[TITAN], s3_region="eu-west-1") == catalog("console.aws.amazon.com", "eu-west-1")
    assert model(models=["stability.sd3-5-large-v1:0"], s3_region="us-east-1") == catalog(
        "console.aws.amazon.com", "us-west-2", "stability.sd3-5-large-v1:0"
    )
    assert model(models=[TITAN, INPAINT], s3_region="us-east-1") == ""
    assert model(models=[], s3_region="us-east-1") == ""


@pytest.mark.parametrize("record", [None, "text", 7, [], {}, {"models": 3}, {"model_id": {}}])
def test_a_record_that_is_none_has_no_link(record: Any) -> None:
    """A task that failed has no record, and XCom may hold anything."""
    assert [_by_xcom(link, record) for link in (TitanS3PrefixLink(), TitanBedrockModelLink())] == ["", ""]


def test_requests_for_another_try_link_to_their_folder() -> None:
    """They have no record in S3, and say in XCom ``record`` where they lie."""
    record = {"requests_uri": "s3://pictures/results/again/0a1b/requests-1.jsonl", "s3_region": "cn-north-1"}
    assert _by_xcom(TitanS3PrefixLink(), record, key="record") == (
        "https://cn-north-1.console.amazonaws.cn/s3/buckets/pictures?region=cn-north-1&prefix=results%2Fagain%2F0a1b%2F"
    )
    assert _by_xcom(TitanBedrockModelLink(), record, key="record") == ""


def _by_xcom(link: Any, record: Any, *, key: str = "manifest") -> str:
    """Give the link of a task instance with a record in XCom."""
    given = key
    from airflow.providers.common.compat import sdk

    class XCom:
        @staticmethod
        def get_value(*, ti_key: Any, key: str) -> Any:
            return record if key == given and ti_key is None else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sdk, "XCom", XCom, raising=False)
        return str(link.get_link(None, ti_key=None))
