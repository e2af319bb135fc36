"""What lies in the workers' S3."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

BUCKET = "titan-images"


def read(store: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return store.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


def read_rows(store: Any, uri: str) -> list[dict[str, Any]]:
    """Read a result file."""
    return [json.loads(line) for line in read(store, uri).splitlines()]


def result_files(store: Any, prefix: str) -> list[str]:
    """Give the URIs of the result files below a prefix, the oldest first."""
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    found = [entry for page in pages for entry in page.get("Contents", []) if entry["Key"].endswith(".jsonl")]
    return [f"s3://{BUCKET}/{entry['Key']}" for entry in sorted(found, key=lambda entry: entry["LastModified"])]


def claims(store: Any, prefix: str) -> dict[int, int]:
    """Give the shard that has each chunk."""
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", []) if "/chunk-" in entry["Key"]]
    records = (json.loads(read(store, f"s3://{BUCKET}/{key}")) for key in keys)
    return {record["chunk"]: record["shard"] for record in records}


def objects_written_twice(store: Any, prefix: str = "") -> list[str]:
    """Give the keys below which different pictures have lain."""
    contents = defaultdict(set)
    for page in store.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix):
        for version in page.get("Versions", []):
            contents[version["Key"]].add(version["ETag"])
    return [key for key, etags in contents.items() if "/image-" in key and len(etags) > 1]
