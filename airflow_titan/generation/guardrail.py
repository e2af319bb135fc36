"""
A guardrail of Amazon Bedrock around one request: it sees the words before the model is paid, and each picture after.

Image models take no guardrail of their own, so ``ApplyGuardrail`` is asked beside them. An answer is in the journal
before the guardrail sees it: whatever becomes of the look, another try looks again and pays for no model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from airflow_titan.aws import guardrail as service
from airflow_titan.errors import AccessDenied, ConfigurationError, ContentBlocked, GuardrailFailed, StoreFailed
from airflow_titan.generation.inputs import inputs
from airflow_titan.generation.manifest import Blocked, GuardrailFinding, GuardrailRecord, Manifest
from airflow_titan.generation.published import Result
from airflow_titan.imaging.decode import ImageOutOfBounds
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.look import to_look_at
from airflow_titan.models.tasks import setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_titan.aws.guardrail import Verdict
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.policy import Log
    from airflow_titan.generation.request import GuardrailName, Request
    from airflow_titan.generation.response import ValidatedResponse
    from airflow_titan.models.tasks import Task

#: The parameters that are words for the model.
_TEXTS = ("text", "negative_text", "mask_prompt")
#: Pictures that only say where: there is nothing to see in them.
_MASKS = frozenset({"mask_image"})
#: Seconds in which a guardrail is asked again, at most: many requests may wait for it at once.
_PATIENCE = 60.0
_KEPT = "The answer is kept, so that another try costs nothing but the look."


def guardrail_of(request: Request, client: Any, *, patience: float, log: Log) -> Guardrail | NoGuardrail:
    """
    Return what is to look at a request and what comes of it.

    :param client: a boto3 ``bedrock-runtime`` client
    :param patience: seconds in which a guardrail that fails is asked again, each time that it is asked
    :param log: takes what is said of the request
    :raises ConfigurationError: if the guardrail's ARN is of another region than the client
    """
    name, asked = request.guardrail, client.meta.region_name
    if name is None:
        return NoGuardrail()
    if name.region not in {None, asked}:
        raise ConfigurationError(
            f"guardrail_id: got {name.identifier}; allowed is a guardrail in {asked}, where the model is asked. Make "
            f"one there, as guardrails hold for one region; or ask a model in {name.region}."
        )
    return Guardrail(name, client, keep=request.keep_partial, patience=min(patience, _PATIENCE), log=log)


class NoGuardrail:
    """Let everything pass."""

    record = None

    def look_at_request(self, task: Task) -> None:
        """Let it pass."""

    def look_at_answer(self, response: ValidatedResponse, _: int) -> ValidatedResponse:
        """Let it pass."""
        return response

    def accept(self, result: Result, _: ObjectStore) -> Result:
        """Let it pass."""
        return result


class Guardrail:
    """
    Look at one request and what came of it.

    :param name: which guardrail does
    :param client: a boto3 ``bedrock-runtime`` client
    :param keep: whether pictures that pass are kept where others are stopped
    :param patience: seconds in which a guardrail that fails is asked again, each time that it is asked
    :param log: takes what is said of the request
    """

    def __init__(self, name: GuardrailName, client: Any, *, keep: bool, patience: float, log: Log) -> None:
        self._name, self._client, self._keep = name, client, keep
        self._patience, self._log = patience, log
        self._calls = self._pictures = self._unseen = 0
        self._units: Counter[str] = Counter()
        self._found: list[GuardrailFinding] = []
        #: Pictures of the answer that were looked at by now.
        self._looked_at = 0

    @property
    def record(self) -> GuardrailRecord:
        """What it did, for the manifest."""
        return GuardrailRecord(
            id=self._name.identifier,
            version=self._name.version,
            calls=self._calls,
            pictures=self._pictures,
            units=dict(sorted(self._units.items())),
            unseen=self._unseen,
            found=tuple(self._found),
        )

    def look_at_request(self, task: Task) -> None:
        """
        Look at the words that go to the model; at the pictures, where there are no words.

        :raises ContentBlocked: if the guardrail stops them
        """
        texts = {name: setting(task, name) for name in _TEXTS}
        pictures = (image.data for name, image in inputs(task) if name not in _MASKS)
        self._look_at_input(texts, (data for data in pictures if data))

    def look_at_answer(self, response: ValidatedResponse, requested: int) -> ValidatedResponse:
        """
        Look at each picture of an answer.

        :param requested: how many pictures all calls of the request are to bring
        :return: the answer without the pictures that the guardrail stops, where the rest is to be kept
        :raises ContentBlocked: if the guardrail stops one, and the rest is not to be kept
        :raises GuardrailFailed: if it could not look
        """
        passed, blocked = [], response.blocked
        for image in response.images:
            try:
                reason = self._look_at_output(image.data)
            except (GuardrailFailed, ConfigurationError, AccessDenied) as error:
                # the money is spent by now: what is refused today may be allowed when somebody has put it right
                raise GuardrailFailed(f"{error} {_KEPT}") from error
            if reason:
                blocked = self._stop(reason, requested, blocked)
            else:
                passed.append(image)
        return replace(response, images=tuple(passed), blocked=blocked)

    def accept(self, result: Result, store: ObjectStore) -> Result:
        """
        Return a result that this guardrail has seen: an earlier try may have published it without.

        :raises ContentBlocked: if the guardrail stops it; what lies in S3 stays there
        :raises StoreFailed: if the record changes while it is looked at
        """
        if self._has_seen(result.manifest):
            return result
        self._log.info("The result was published before guardrail %s saw it; looking at it now.", self._name.id)
        entry = store.read(result.manifest_uri)
        if entry is None:
            raise StoreFailed(f"{result.manifest_uri} was deleted while a guardrail looked at what it names")
        manifest = self._look_at_result(Manifest.model_validate_json(entry.data), store)
        if store.replace(result.manifest_uri, manifest.to_json(), entry.etag) is None:
            raise StoreFailed(f"{result.manifest_uri} was written anew while a guardrail looked at what it names")
        return Result(manifest, result.manifest_uri)

    def _has_seen(self, manifest: Manifest) -> bool:
        seen, name = manifest.guardrail, self._name
        return seen is not None and (seen.id.rpartition("/")[2], seen.version) == (name.id, name.version)

    def _look_at_result(self, manifest: Manifest, store: ObjectStore) -> Manifest:
        """Return the record of what passes of a result."""
        self._looked_at = 0

        def read(parts: Iterable[Any]) -> Iterable[bytes]:
            return (store.get(part.uri, max_bytes=part.bytes).data or b"" for part in parts)

        given = [image for image in manifest.inputs if image.parameter not in _MASKS]
        self._look_at_input({name: manifest.parameters.get(name) for name in _TEXTS}, read(given))
        passed, blocked = [], manifest.blocked
        for output, data in zip(manifest.outputs, read(manifest.outputs), strict=True):
            if reason := self._look_at_output(data):
                blocked = self._stop(reason, len(manifest.outputs), blocked)
            else:
                passed.append(output)
        if not passed and blocked:
            raise ContentBlocked(f"{blocked.message} None of {len(manifest.outputs)} pictures passed.")
        status = "partial" if blocked else manifest.status
        update = {"outputs": tuple(passed), "blocked": blocked, "status": status, "guardrail": self.record}
        return manifest.model_copy(update=update)

    def _look_at_input(self, texts: dict[str, Any], pictures: Iterable[bytes]) -> None:
        """Look at words, or in their absence at pictures; each is read only if it is looked at."""
        words = {name: text for name, text in texts.items() if text}
        shown = [] if words else [self._picture(data) for data in pictures]
        if not words and not shown:
            return
        verdict = self._ask("INPUT", texts=tuple(words.values()), pictures=shown)
        if verdict.stopped:
            what = f"the words of {', '.join(words)}" if words else "the pictures that were given"
            raise ContentBlocked(
                f"{self._stopped(what, verdict.reason)} The model is not asked. Reword the prompt, or change the "
                "pictures.",
                unpaid=True,
            )

    def _look_at_output(self, data: bytes) -> str:
        """Look at one picture that came back; return what stops it, nothing if it passes."""
        self._looked_at += 1
        verdict = self._ask("OUTPUT", pictures=[self._picture(data)], number=self._looked_at)
        return verdict.reason if verdict.stopped else ""

    def _stop(self, reason: str, requested: int, before: Blocked | None) -> Blocked:
        """
        Take note of a picture that is stopped.

        :param before: what is missing already
        :raises ContentBlocked: if the rest is not to be kept
        """
        message = self._stopped(f"picture {self._looked_at} of {requested}", reason)
        if not self._keep:
            raise ContentBlocked(
                f"{message} Reword the prompt or change the images; on_blocked='keep' keeps those that pass."
            )
        if before is None:
            return Blocked(message=message, missing=1)
        return Blocked(message=f"{before.message} {message}", missing=before.missing + 1)

    def _stopped(self, what: str, reason: str) -> str:
        return f"guardrail {self._name.id} ({self._name.version}) stopped {what}: {reason}."

    def _picture(self, data: bytes) -> service.Picture:
        """
        Return a picture as a guardrail takes it; what is published stays as it is.

        :raises GuardrailFailed: if it can't be brought into that form
        """
        try:
            return service.Picture(*to_look_at(data, service.MAX_IMAGE_BYTES, service.MAX_IMAGE_SIDE))
        except (InvalidImage, ImageOutOfBounds) as error:
            raise GuardrailFailed(f"a picture can't be shown to a guardrail: {error}") from error

    def _ask(
        self,
        source: str,
        *,
        texts: Sequence[str] = (),
        pictures: Sequence[service.Picture] = (),
        number: int | None = None,
    ) -> Verdict:
        """Ask the guardrail, and take note of what it found."""
        verdict = service.apply_guardrail(
            self._client,
            self._name.identifier,
            self._name.version,
            source=source,
            texts=texts,
            pictures=pictures,
            patience=self._patience,
        )
        self._calls += 1
        self._pictures += len(pictures)
        self._units.update(verdict.units)
        if verdict.unseen:
            self._unseen += verdict.unseen
            self._log.warning(
                "Guardrail %s looks at no pictures: none of its content filters is for images. Switch them on for "
                "images in the Bedrock console, or take guardrail_id out where words are all that matters.",
                self._name.id,
            )
        self._found += [GuardrailFinding(picture=number, **asdict(finding)) for finding in verdict.found]
        return verdict
