"""
What is measured: each side makes the same pictures in its own way.

As a script it runs one side in this process: it imports all that the side needs, says so, waits for a line, runs, and
tells the outcome. The DAGs take the same code from here.
"""

# ruff: noqa: PLC0415 - each side imports only its own, so that its memory is its own
from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    Once = Callable[[int], object]
    Run = Callable[[], dict[str, Any]]

HERE = Path(__file__).resolve().parent
MODEL = "amazon.titan-image-generator-v2:0"
#: What stands in place of a signature: it names the service, which is all that the emulator looks at.
UNSIGNED = "AWS4-HMAC-SHA256 Credential=testing/20250101/us-east-1/{service}/aws4_request"


def naive(job: dict[str, Any]) -> Once:
    """Give one picture by the manual's code and ``S3Hook``."""
    import base64

    import boto3
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    boto3.setup_default_session()  # threads that do this at the same time fail

    def once(number: int) -> None:
        hook = S3Hook()
        image = hook.get_key(_image(job, number), job["bucket"]).get()["Body"].read()
        body = json.dumps(wanted(job, number, base64.b64encode(image).decode("utf8")))
        bedrock = boto3.client(service_name="bedrock-runtime", region_name="us-east-1")
        response = bedrock.invoke_model(
            body=body, modelId=MODEL, accept="application/json", contentType="application/json"
        )
        answer = json.loads(response.get("body").read())
        if answer.get("error") is not None:
            raise RuntimeError(answer["error"])
        save(job, number, base64.b64decode(answer.get("images")[0].encode("ascii")))

    return once


def floor(job: dict[str, Any]) -> Once:
    """Give one picture by three plain HTTP requests, unsigned and unproved: what no client can go below."""
    import http.client

    import pybase64

    host = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    mine = threading.local()

    def ask(method: str, path: str, body: bytes | None = None) -> bytes:
        if not hasattr(mine, "connection"):
            mine.connection = http.client.HTTPConnection(host)
        service = "bedrock" if method == "POST" else "s3"
        mine.connection.request(method, path, body, {"Authorization": UNSIGNED.format(service=service)})
        response = mine.connection.getresponse()
        data: bytes = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {data[:200]!r}")
        return data

    def once(number: int) -> None:
        image = ask("GET", f"/{job['bucket']}/{_image(job, number)}")
        head, tail = json.dumps(wanted(job, number, "@")).encode().split(b"@")
        body = head + pybase64.b64encode(image) + tail
        answer = ask("POST", f"/model/{quote(MODEL, safe='')}/invoke", body)
        begin = answer.index(b'"', answer.index(b"[")) + 1
        made = pybase64.b64decode(memoryview(answer)[begin : answer.index(b'"', begin)])
        ask("PUT", f"/{job['bucket']}/floor/{number}.png", made)

    return once


def bulk(job: dict[str, Any]) -> Run:
    """Give the whole run by the bulk operator, as a task runs it."""
    sys.path.append(str(HERE.parent.parent / "tests" / "kit"))
    from airflow.providers.common.compat.sdk import AirflowFailException
    from instance import Instance

    from airflow_titan.hooks import bedrock  # noqa: F401 - imported when a task runs, so before the clock starts

    operator = bulk_operator(job)

    def run() -> dict[str, Any]:
        instance = Instance(run_id=job["name"], try_number=job.get("try_number", 1), max_tries=3)
        try:
            uri, error = instance.run(operator), None
        except AirflowFailException as failure:
            uri, error = None, str(failure)
        manifest = instance.xcoms.get("manifest") or {}
        return {"uri": uri, "error": error, "manifest": manifest}

    return run


def bulk_operator(job: dict[str, Any]) -> Any:
    """Make the bulk operator of a job; what is not set here is as the operator has it."""
    from airflow_titan.operators import TitanBulkOperator

    return TitanBulkOperator(
        task_id="pictures",
        requests=job["uri"],
        defaults=job["shared"],
        max_concurrency=job["in_flight"],
        max_failures=job.get("max_failures", 0),
        output_prefix=f"s3://{job['bucket']}/bulk",
        model_id=MODEL,
    )


def wanted(job: dict[str, Any], number: int, image: str) -> dict[str, Any]:
    """Write a request in Titan's own words."""
    shared = job["shared"]
    return {
        "taskType": "INPAINTING",
        "inPaintingParams": {"text": shared["text"], "maskPrompt": shared["mask_prompt"], "image": image},
        "imageGenerationConfig": {"numberOfImages": 1, "seed": number},
    }


def save(job: dict[str, Any], number: int, made: bytes) -> None:
    """Write a picture as the usual code does."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    S3Hook().load_bytes(made, f"usual/{number}.png", job["bucket"], replace=True)


def read(job: dict[str, Any], number: int) -> dict[str, Any]:
    """Read a photo, and write the request with it, as the usual code does for the Amazon provider's operator."""
    import base64

    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    image = S3Hook().get_key(_image(job, number), job["bucket"]).get()["Body"].read()
    return wanted(job, number, base64.b64encode(image).decode("utf8"))


def _image(job: dict[str, Any], number: int) -> str:
    return f"in/{number % job['photos']}.png"


def spread(once: Once, job: dict[str, Any]) -> Run:
    """Make a run of one picture's code: a pool of threads."""

    def run() -> dict[str, Any]:
        errors: list[str] = []

        def safely(number: int) -> None:
            try:
                once(number)
            except Exception as error:  # noqa: BLE001 - whatever it is, it's a picture that wasn't made
                errors.append(f"{type(error).__name__}: {error}")

        with ThreadPoolExecutor(job["in_flight"]) as pool:
            list(pool.map(safely, range(job["requests"])))
        return {"failed": len(errors), "errors": errors[:3]}

    return run


#: Each side, by its name in a job.
SIDES: dict[str, Callable[[dict[str, Any]], Run]] = {
    "naive": lambda job: spread(naive(job), job),
    "floor": lambda job: spread(floor(job), job),
    "bulk": bulk,
}


def main() -> None:
    """Run the side that the argument names."""
    job = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Airflow logs to stdout, which is for answers here
    try:
        run = SIDES[job["side"].partition(",")[0]](job)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    print(json.dumps({"missing": None}), file=answers)
    sys.stdin.readline()
    began = time.monotonic()
    outcome = run()
    print(json.dumps({**outcome, "seconds": time.monotonic() - began}), file=answers)
    sys.stdin.read()  # until its CPU has been read


if __name__ == "__main__":
    main()
