"""
Make the records of the version that is checked out, in a folder of its name.

``.venv/bin/python tests/records/record.py`` runs every task below against the emulator, keeps what it leaves in S3, and
then its next try. The folder of a version is made once, when it is released, and stays: later versions must find and
reuse what is in it. A folder that is there is not written over; to make that of an unreleased version anew, delete it
before.

A task that is to die is run in a process of its own, which kills itself before the request that is named.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

# the conftest of all tests comes before that of this folder
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "kit"))

import conftest  # it keeps every AWS client away from the real ones, and so comes before them

os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"

import boto3
import botocore
from kept import BUCKET, HERE, Object, Record, found
from pictures import mask

import airflow_titan
from airflow_titan.emulator import Emulator, running

#: The smallest picture from words.
SMALL = {"text": "a lighthouse", "width": 320, "height": 704}
RUN = "scheduled__2026-01-01T00:00:00+00:00"
REROUTE = '{"amazon.titan-image-generator-v2:0": "amazon.nova-canvas-v1:0"}'
SD35 = "stability.sd3-5-large-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/lighthouse"
PHOTO, OTHER, MASK = (f"s3://{BUCKET}/uploads/{name}.png" for name in ("photo", "other", "mask"))
#: Of two colours, so that what comes of them makes small files.
UPLOADS = {PHOTO: mask(320, 320, "RGB"), OTHER: mask(320, 352, "RGB"), MASK: mask(320, 320)}
REQUESTS = f"s3://{BUCKET}/uploads/requests.jsonl"
#: The lines of a bulk task: by its two shards, the first one's all come to pictures, and the second one's don't.
LINES = b"""\
{"id": "sku-1", "text": "a jar"}
{"id": "flagged", "text": "something flagged"}
{"id": "sku/2 \xc3\xa4", "text": "a cup", "seed": 7}
{"id": "strong", "text": "a bowl", "cfg_scale": 99}
{"text": "a plate", "number_of_images": 2}
{"id": "sku-3", "text": "a spoon"}
"""
_BULK = {
    "requests": REQUESTS,
    "defaults": {"task": "inpainting", "image": PHOTO, "mask_prompt": "table"},
    "shards": 2,
}
_PLACED = {"dag_id": "catalogue", "run_id": RUN}


def tasks() -> list[Record]:
    """Give what is run, in this order."""
    finished = [
        Record("text_to_image", "TitanTextToImageOperator", SMALL, {**_PLACED, "task_id": "hero"}),
        # ids that have to be quoted or cut, in a round of their own
        Record(
            "fresh", "TitanTextToImageOperator", {**SMALL, "reuse": False},
            {"dag_id": "shop/ä 1", "run_id": "..", "task_id": "x" * 250, "map_index": 0, "max_tries": 1,
             "try_number": 2},
        ),
        Record(
            "inpainting", "TitanInpaintingOperator",
            {"image": [PHOTO], "mask_image": MASK, "text": "a red boat", "quality": "premium",
             "output_prefix": f"s3://{BUCKET}/mine/"},
            {**_PLACED, "task_id": "fixed", "map_index": 3},
        ),
        Record(
            "outpainting", "TitanOutpaintingOperator",
            {"image": PHOTO, "mask_prompt": "boat", "text": "a beach", "outpainting_mode": "PRECISE",
             "return_mask": True, "cfg_scale": "7.5"},
            {**_PLACED, "task_id": "wide"},
        ),
        Record(
            "image_variation", "TitanImageVariationOperator",
            {"images": [PHOTO, [OTHER]], "text": "flagged-some", "similarity_strength": 0.8, "number_of_images": 2,
             "on_blocked": "keep"},
            {**_PLACED, "task_id": "alike"},
        ),
        Record(
            "color_guided", "TitanColorGuidedOperator",
            {**SMALL, "colors": ["#FF8800", "#336699"], "reference_image": PHOTO, "negative_text": "people"},
            {**_PLACED, "task_id": "coloured"},
        ),
        Record("background_removal", "TitanBackgroundRemovalOperator", {"image": PHOTO}, {**_PLACED, "task_id": "cut"}),
        Record(
            "condition_image", "TitanTextToImageOperator",
            {**SMALL, "condition_image": PHOTO, "control_mode": "SEGMENTATION", "control_strength": 0.5, "seed": 0},
            {**_PLACED, "task_id": "alike"},
        ),
        Record(
            "behind_an_arn", "TitanTextToImageOperator", {**SMALL, "model_id": ARN, "model_family": "titan"},
            {**_PLACED, "task_id": "own"},
        ),
        Record(
            "rerouted", "TitanTextToImageOperator", {**SMALL, "cfg_scale": 5, "translate": "lenient"},
            {**_PLACED, "task_id": "elsewhere"}, settings={"reroute": REROUTE},
        ),
        Record(
            "several_calls", "TitanInpaintingOperator",
            {"image": PHOTO, "mask_image": MASK, "text": "a boat", "number_of_images": 2, "model_id": SD35,
             "region_name": "us-west-2"},
            {**_PLACED, "task_id": "twice"},
        ),
    ]  # fmt: skip
    by_name = {record.name: record for record in finished}

    def ended(of: str, how: str, **changes: Any) -> Record:
        """Give a task that ends before its time."""
        record = by_name[of]
        return record.but(name=how, instance={**record.instance, "task_id": how}, **changes)

    broken = {"kind": "refuse", "method": "PUT", "key": "image-1", "times": None}
    interrupted = [
        ended("text_to_image", "journaled", killed_before="PUT image-1"),
        ended("text_to_image", "unpublished", faults=(broken,)),
        ended("text_to_image", "outcome_unknown", faults=({"kind": "error_after"},)),
        ended("text_to_image", "claimed", killed_before="POST invoke"),
        ended("text_to_image", "blocked", arguments={**SMALL, "text": "flagged-output"}),
        ended("text_to_image", "unused", faults=({"kind": "access_denied"},)),
        ended("text_to_image", "not_cleared_up", killed_before="DELETE answer-1"),
        ended("several_calls", "several_calls_journaled", killed_before="PUT manifest.json"),
        ended("several_calls", "second_call_unknown", faults=({"kind": "error_after", "after": 1},)),
    ]
    bulk = [
        Record(
            f"bulk_{shard}", "TitanBulkOperator", {**_BULK, "shard": shard, "max_failures": "100%"},
            {**_PLACED, "task_id": "pictures", "map_index": shard},
        )
        for shard in range(2)
    ]  # fmt: skip
    return [*finished, *interrupted, *bulk]


def later_tasks(bulk: tuple[Record, ...]) -> list[Record]:
    """Give what is run after the bulk tasks, and what makes inputs."""
    uris = [record.outcome.returned for record in bulk]
    return [
        Record("failed_requests", "TitanFailedRequestsOperator", {"results": uris}, {**_PLACED, "task_id": "again"},
               after=bulk),
        Record("merge_results", "TitanMergeResultsOperator", {"results": uris}, {**_PLACED, "task_id": "merged"},
               after=bulk),
        Record("prepare_image", "TitanPrepareImageOperator", {"image": PHOTO, "max_side": 320},
               {**_PLACED, "task_id": "ready"}),
        Record("mask", "TitanMaskOperator", {"image": PHOTO, "boxes": [[8, 8, 64, 64]]},
               {**_PLACED, "task_id": "mask"}),
        Record("extend_canvas", "TitanExtendCanvasOperator", {"image": PHOTO, "left": 64},
               {**_PLACED, "task_id": "canvas"}),
    ]  # fmt: skip


def recorded(task: Record, emulator: Emulator) -> Record:
    """Run a task and its next try; give it with what was left."""
    emulator.reset()
    s3 = boto3.client("s3", endpoint_url=emulator.url)
    s3.create_bucket(Bucket=BUCKET)
    inputs = {uri.removeprefix(f"s3://{BUCKET}/"): data for uri, data in UPLOADS.items() if uri in str(task.arguments)}
    if REQUESTS in str(task.arguments):
        inputs[REQUESTS.removeprefix(f"s3://{BUCKET}/")] = LINES
    task.put(s3, [Object(key, data, "application/octet-stream", {}) for key, data in inputs.items()])
    before = {earlier.key for record in task.after for earlier in record.objects}
    for fault in task.faults:
        emulator.inject(**fault)
    if task.killed_before:
        killed(task, emulator)
    else:
        task = task.but(outcome=task.run(emulator))
    emulator.clear_faults()
    objects = tuple(left for key, left in sorted(found(s3).items()) if key not in before)
    task = task.but(objects=objects)
    return task.but(following=task.retry(emulator))


def killed(task: Record, emulator: Emulator) -> None:
    """Run a task in a process that kills itself."""
    ended = subprocess.run([sys.executable, __file__, task.name, emulator.url], check=False)  # noqa: S603
    if ended.returncode != -signal.SIGKILL:
        raise SystemExit(f"{task.name} was not killed: exit code {ended.returncode}")


def die(task: Record) -> None:
    """Run a task, and end this process before the request that is named, as the out-of-memory killer does."""

    def before(request: Any, **_: Any) -> None:
        sent = f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}"
        if re.match(task.killed_before, sent):
            os.kill(os.getpid(), signal.SIGKILL)

    botocore.register_initializer(lambda session: session.register("before-send", before))

    class Elsewhere:
        """Stands in for the emulator, which is another process's."""

        calls: tuple[Any, ...] = ()
        billed = 0

    task.run(Elsewhere())  # type: ignore[arg-type]


def main(arguments: list[str]) -> None:
    """Make the folder; or, for the name of a task and the emulator's address, run that task to its death."""
    os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = "aws://"
    if arguments:
        name, os.environ["AWS_ENDPOINT_URL"] = arguments
        (task,) = [task for task in tasks() if task.name == name]
        die(task)
        return
    folder = HERE / airflow_titan.__version__
    if folder.exists():
        raise SystemExit(f"{folder} is there. What a version left is never changed; delete it if none was released.")
    with running() as emulator:
        os.environ["AWS_ENDPOINT_URL"] = emulator.url
        done = [recorded(task, emulator) for task in tasks()]
        bulk = tuple(task for task in done if task.operator == "TitanBulkOperator")
        done += [recorded(task, emulator) for task in later_tasks(bulk)]
    for task in done:
        task.save(folder)
    sys.stdout.write(f"wrote {len(done)} records to {folder}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
    conftest.pytest_unconfigure()
