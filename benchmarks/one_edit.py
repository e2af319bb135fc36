"""
One warm inpainting of a 1408 by 1408 photo-like PNG: our straight line beside the usual code.

The usual code is what people write today: the manual's own example in a Python task, with ``S3Hook`` to read and write.
Each side runs in a process of its own, and the server in a third, so that its CPU isn't counted.
"""

# ruff: noqa: PLC0415 - each side imports only its own, so that its memory is its own
from __future__ import annotations

import functools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE, RUNS, BUCKET = 1408, 9, "benchmark"
KEYS = {"image": "in.png", "mask": "mask.png"}


def photo() -> bytes:
    """Make a picture that compresses like a photo."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(1)
    soft = np.asarray(Image.effect_noise((SIDE // 4, SIDE // 4), 90).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    pixels = np.stack([np.roll(soft, 97 * band, axis=band % 2) for band in range(3)], axis=2).astype(np.int16)
    pixels += noise.integers(-2, 3, pixels.shape, dtype=np.int16)
    out = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "PNG", compress_level=6)
    return out.getvalue()


def usual() -> Callable[[int], object]:
    """Give one edit by the manual's code and ``S3Hook``."""
    import base64

    import boto3
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    def edit(number: int) -> object:
        hook = S3Hook(aws_conn_id=None, region_name="us-east-1")
        image, mask = (hook.get_key(key, BUCKET).get()["Body"].read() for key in KEYS.values())
        body = json.dumps(
            {
                "taskType": "INPAINTING",
                "inPaintingParams": {
                    "text": "a red boat",
                    "image": base64.b64encode(image).decode("utf8"),
                    "maskImage": base64.b64encode(mask).decode("utf8"),
                },
                "imageGenerationConfig": {"numberOfImages": 1, "cfgScale": 8.0, "seed": number},
            }
        )
        bedrock = boto3.client(service_name="bedrock-runtime", region_name="us-east-1")
        response = bedrock.invoke_model(
            body=body, modelId="amazon.titan-image-generator-v1", accept="application/json",
            contentType="application/json",
        )  # fmt: skip
        answer = json.loads(response.get("body").read())
        made = base64.b64decode(answer.get("images")[0].encode("ascii"))
        if answer.get("error") is not None:
            raise RuntimeError(answer["error"])
        S3Hook(aws_conn_id=None, region_name="us-east-1").load_bytes(made, f"usual/{number}.png", BUCKET, replace=True)
        return made[:1]

    return edit


def ours() -> Callable[[int], object]:
    """Give one edit by this package, through the operator, as a task runs it."""
    from airflow_titan.operators import TitanInpaintingOperator

    class Instance:
        dag_id, run_id, task_id, map_index, try_number, max_tries = "dag", "run", "task", -1, 1, 0

        def xcom_push(self, key: str, value: object) -> None:
            pass

    def edit(number: int) -> object:
        operator = TitanInpaintingOperator(
            task_id="task", image=f"s3://{BUCKET}/{KEYS['image']}", mask_image=f"s3://{BUCKET}/{KEYS['mask']}",
            text="a red boat", cfg_scale=8.0, seed=number, number_of_images=1, aws_conn_id=None,
            region_name="us-east-1", output_prefix=f"s3://{BUCKET}/ours",
        )  # fmt: skip
        return operator.execute({"ti": Instance()})  # type: ignore[arg-type]

    return edit


def line() -> Callable[[int], object]:
    """Give one edit by the straight line alone, its clients made once, as a batch runs it."""
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.generate import Request, generate
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.manifest import TaskInstance
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.models.tasks import Inpainting

    client, s3 = TitanBedrockHook(None, region_name="us-east-1").clients()
    location = ResultLocation.of(
        TaskInstance(dag_id="d", run_id="r", task_id="t"), prefix=f"s3://{BUCKET}/line", root=None
    )

    def edit(number: int) -> object:
        task = Inpainting(
            image=f"s3://{BUCKET}/{KEYS['image']}", mask_image=f"s3://{BUCKET}/{KEYS['mask']}", text="a red boat",
            cfg_scale=8.0, seed=number, number_of_images=1,
        )  # fmt: skip
        return generate(Request(task, "amazon.titan-image-generator-v1"), client, ObjectStore(s3), location)

    return edit


def bare(*, proved: bool) -> Callable[[int], object]:
    """Give one edit by three kinds of requests and no care: get, invoke, put; with our proofs of the images or not."""
    import hashlib

    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.imaging.image import Image
    from airflow_titan.imaging.verify import mask_impurity, read_header, verify, verify_checksums
    from airflow_titan.models.families import titan, wire

    client, s3 = TitanBedrockHook(None, region_name="us-east-1").clients()

    def edit(number: int) -> object:
        images = [Image("", s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in KEYS.values()]
        image, mask = (image.data or b"" for image in images)
        if proved:
            verify(image, read_header(image))
            mask_impurity(mask, read_header(mask))
        body = BytesIO()
        message = {
            "taskType": "INPAINTING",
            "inPaintingParams": {"text": "a red boat", "image": images[0], "maskImage": images[1]},
            "imageGenerationConfig": {"numberOfImages": 1, "cfgScale": 8.0, "seed": number},
        }
        wire.write(message, body)
        body.seek(0)
        answer = client.invoke_model(modelId="amazon.titan-image-generator-v1", body=body)["body"].read()
        made = titan.decode(answer).images[0]
        if proved:
            verify_checksums(made, read_header(made))
            hashlib.sha256(made)
        s3.put_object(Bucket=BUCKET, Key=f"bare/{number}.png", Body=BytesIO(made))
        return made[:1]

    return edit


SIDES = {
    "usual code": usual,
    "our operator": ours,
    "our line, clients kept": line,
    "bare requests, clients kept": functools.partial(bare, proved=False),
    "bare requests and our proofs": functools.partial(bare, proved=True),
}


def measure(side: str) -> None:
    """Measure one side in this process: print CPU of each warm run, peak of traced memory and growth of RSS."""
    once, first = SIDES[side](), os.getpid() * 100_000 % 2_000_000_000

    def edit(number: int) -> object:
        # a request of its own each time: the same one again would be answered from its manifest
        return once(first + number)

    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    edit(1_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024
    runs = []
    for number in range(RUNS):
        began = time.process_time()
        edit(2_000 + number)
        runs.append((time.process_time() - began) * 1000)
    tracemalloc.start()
    edit(3_000)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    print(json.dumps({"cpu": runs, "peak": peak, "grown": grown}))


def main() -> None:
    """Start the server, measure each side in turns, print a table."""
    import boto3
    from mask import drawn

    command = [sys.executable, "-c", "from airflow_titan.cli import main; main()", "emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            url = server.stdout.readline().split()[-1] if server.stdout else ""
            clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            environment = clean | {
                "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_EC2_METADATA_DISABLED": "true", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            }  # fmt: skip
            s3 = boto3.client(
                "s3", endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing",  # noqa: S106
                region_name="us-east-1",
            )  # fmt: skip
            s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key=KEYS["image"], Body=photo())
            s3.put_object(Bucket=BUCKET, Key=KEYS["mask"], Body=drawn("L"))
            report({side: [child(side, environment) for _ in range(3)] for side in SIDES})
        finally:
            server.terminate()


def child(side: str, environment: dict[str, str]) -> dict[str, Any]:
    """Measure one side in a process of its own."""
    command = [sys.executable, __file__, side]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print what was found, and how often ours goes into the usual."""
    print(f"{'':<26}{'CPU ms':>10}{'peak MiB':>10}{'RSS MiB':>10}{'CPU':>9}{'peak':>9}")
    first = None
    for side, rounds in found.items():
        cpu = statistics.median(value for entry in rounds for value in entry["cpu"])
        peak, grown = (statistics.median(entry[name] for entry in rounds) for name in ("peak", "grown"))
        first = first or (cpu, peak)
        print(f"{side:<26}{cpu:>10.1f}{peak:>10.1f}{grown:>10.1f}{first[0] / cpu:>8.1f}x{first[1] / peak:>8.1f}x")


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
