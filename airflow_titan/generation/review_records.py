"""What is kept of a review in S3: which images were shown, and what was decided about them."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan import __version__
from airflow_titan.errors import DamagedRecord, Problems
from airflow_titan.generation.manifest import ImageManifest, Source
from airflow_titan.generation.review import SUBJECT, Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.manifest import TaskInstance

log = logging.getLogger(__name__)

#: What goes to XCom of a decision.
_TOLD = {"chosen", "rejected", "remark", "text", "params_input", "responded_by_user", "responded_at", "timedout"}
_PROVIDER = f"airflow-titan {__version__}"
_ASK_AGAIN = "Clear the task to ask again."


def write_shown(uris: Sequence[str], owner: TaskInstance, uri: str, store: ObjectStore) -> ImageManifest:
    """
    Write which images a task shows, so that they can be shown, and that it is known which were.

    :param uri: where the record lies, of each try of the task the same
    :raises InvalidRequest: if they are more or fewer than an earlier try showed
    """
    # of a first try, what lies there was left by a run that was deleted, with its question
    if owner.try_number > 1:
        _check_as_before(uris, uri, store)
    manifest = ImageManifest(
        created=datetime.now(UTC).isoformat(),
        provider=_PROVIDER,
        task="review",
        inputs=tuple(Source(parameter="images", uri=each) for each in uris),
        outputs=(),
        task_instance=owner,
    )
    store.write(uri, manifest.to_json())
    return manifest


def read_shown(uri: str, store: ObjectStore) -> ImageManifest:
    """
    Read which images a task has shown: what is chosen by number is chosen among these.

    :param uri: where the record lies
    :raises DamagedRecord: if it is gone, or can't be read
    """
    record = store.read(uri)
    if record is None:
        raise DamagedRecord(uri, "is gone, which told what images the answer is about", _ASK_AGAIN)
    try:
        return ImageManifest.model_validate_json(record.data)
    except ValueError:
        raise DamagedRecord(uri, "can't be read, which told what images the answer is about", _ASK_AGAIN) from None


def decide(shown: ImageManifest, numbers: Collection[int], told: Mapping[str, Any], owner: TaskInstance) -> Decision:
    """
    Return the record of what was decided.

    :param numbers: which of the images were chosen, from 1
    :param told: what Airflow tells of the answer
    """
    form, user = told["params_input"], told["responded_by_user"]
    numbered = [(number, source.uri) for number, source in enumerate(shown.inputs, start=1)]
    return Decision(
        created=datetime.now(UTC).isoformat(),
        provider=_PROVIDER,
        chosen=tuple(uri for number, uri in numbered if number in numbers),
        rejected=tuple(uri for number, uri in numbered if number not in numbers),
        remark=str(form.get("remark") or ""),
        text=str(form.get("text") or ""),
        params_input=form,
        responded_by_user=user,
        responded_at=told["responded_at"].isoformat(),
        timedout=user is None,
        task_instance=owner,
    )


def told_of(decision: Decision) -> dict[str, Any]:
    """Return what tasks that go on may want to know of a decision, by its XCom keys."""
    return decision.model_dump(mode="json", include=_TOLD)


def _check_as_before(uris: Sequence[str], uri: str, store: ObjectStore) -> None:
    """See that there are as many images as before: Airflow keeps a task instance's question as it was first asked."""
    with suppress(DamagedRecord):
        before = [source.uri for source in read_shown(uri, store).inputs]
        if len(before) != len(uris):
            problems = Problems(SUBJECT)
            limit = f"{len(before)}, as when this task first asked: Airflow shows a cleared task's question as it was"
            problems.add("images", f"{len(uris)} images", limit, "Trigger a new run of the DAG, to ask about these.")
            problems.raise_if_any()
        if before != list(uris):
            log.warning(
                "These images are others than this task asked about before. Airflow keeps the words of a question: "
                "prompts and seeds below the pictures are still those of the ones before."
            )
