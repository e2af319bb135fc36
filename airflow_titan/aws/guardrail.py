"""
ApplyGuardrail: what a guardrail of Amazon Bedrock says of words or of a picture, whatever model they are for.

It changes nothing and pays for no model, so a call is made again while the service is throttled, fails or can't be
reached, for as long as the caller has patience.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import tenacity

from airflow_titan.aws.deadline import Deadline, answer_seconds, watch
from airflow_titan.aws.failures import AWS_ERRORS, guardrail_error
from airflow_titan.errors import GuardrailFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Pictures that a call may have, at most, and the bytes of each; larger ones are refused by the service.
MAX_IMAGES, MAX_IMAGE_BYTES = 20, 4_000_000
#: Longest side of a picture that the service takes, in pixels.
MAX_IMAGE_SIDE = 8_000
#: Seconds that one attempt may take: a guardrail answers within a second or two, a model may need minutes.
_LONGEST_ATTEMPT = 60.0
#: Pictures on their way at once, in this process: each is four times in memory as it is sent, whoever bounds the rest.
_pictures = threading.BoundedSemaphore(8)
#: Where botocore writes requests and answers to its log at DEBUG: words, pictures, and the words that were matched.
_TALKATIVE = ("botocore.endpoint", "botocore.parsers")
_asking = threading.local()


class _Filters(NamedTuple):
    """Where an assessment lists what one kind of filter found, and which of its fields names the filter."""

    policy: str
    filters: str
    name: str


# a matched word is never told, so a custom word has no name
_ASSESSMENTS = (
    _Filters("topicPolicy", "topics", "name"),
    _Filters("contentPolicy", "filters", "type"),
    _Filters("wordPolicy", "customWords", ""),
    _Filters("wordPolicy", "managedWordLists", "type"),
    _Filters("sensitiveInformationPolicy", "piiEntities", "type"),
    _Filters("sensitiveInformationPolicy", "regexes", "name"),
    _Filters("contextualGroundingPolicy", "filters", "type"),
)
#: How people call the policies.
_POLICIES = {
    "topicPolicy": "topic policy",
    "contentPolicy": "content policy",
    "wordPolicy": "word policy",
    "sensitiveInformationPolicy": "sensitive information policy",
    "contextualGroundingPolicy": "contextual grounding policy",
}
#: What a guardrail answers: that it lets everything pass, or that it doesn't.
_ACTIONS = ("NONE", "GUARDRAIL_INTERVENED")
#: What a filter does that lets nothing pass as it is.
_STOPS = frozenset({"BLOCKED", "ANONYMIZED"})


@dataclass(frozen=True)
class Picture:
    """
    A picture as a guardrail takes it.

    :param format: ``png`` or ``jpeg``
    """

    format: str
    data: bytes


@dataclass(frozen=True)
class Finding:
    """
    What one filter of a guardrail found; never the words themselves.

    :param policy: such as ``content policy``
    :param filter: such as ``VIOLENCE``, or the name that somebody gave a topic or a pattern
    :param action: ``BLOCKED``, ``ANONYMIZED``, or ``NONE`` where it was only to be told
    """

    policy: str
    filter: str
    action: str

    def __str__(self) -> str:
        """Name the filter."""
        return f"{self.policy}, filter {self.filter}{' (to be masked)' if self.action == 'ANONYMIZED' else ''}"


@dataclass(frozen=True)
class Verdict:
    """
    What a guardrail said.

    :param stopped: whether it lets something not pass as it is
    :param found: by which filters, and what others found
    :param units: what is billed, by the service's names; those that are not 0
    :param unseen: pictures that it didn't look at, because it has no filter for any
    """

    stopped: bool
    found: tuple[Finding, ...]
    units: Mapping[str, int]
    unseen: int = 0

    @property
    def reason(self) -> str:
        """What stopped it, in words that repeat none of what was looked at."""
        reasons = [str(finding) for finding in self.found if finding.action in _STOPS]
        return " and ".join(dict.fromkeys(reasons)) or "a policy that it does not name"


def apply_guardrail(
    client: Any,
    identifier: str,
    version: str,
    *,
    source: str,
    texts: Sequence[str] = (),
    pictures: Sequence[Picture] = (),
    patience: float = 0.0,
) -> Verdict:
    """
    Let a guardrail look at words and pictures.

    :param client: a boto3 ``bedrock-runtime`` client
    :param identifier: the guardrail's id or ARN
    :param version: ``DRAFT``, or the number of a version
    :param source: ``INPUT`` of what goes to a model, ``OUTPUT`` of what came back
    :param pictures: each within the bounds that stand here
    :param patience: seconds in which to ask again a service that fails; 0 asks once
    :raises GuardrailFailed: if it could not look, in a way that may pass
    :raises ConfigurationError: if there is no such guardrail, or it takes nothing of this kind
    :raises AccessDenied: if the credentials may not ask it
    """
    content: list[dict[str, Any]] = [{"text": {"text": text}} for text in texts]
    content += [{"image": {"format": each.format, "source": {"bytes": each.data}}} for each in pictures]
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(GuardrailFailed),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
        stop=tenacity.stop_before_delay(patience),
        reraise=True,
    )
    answer = attempts(_ask, client, identifier, version, source, content)
    return _verdict(answer, len(pictures))


def _ask(client: Any, identifier: str, version: str, source: str, content: list[dict[str, Any]]) -> Any:
    """Ask once."""
    watch(client)
    deadline = Deadline()
    name = f"guardrail {identifier} version {version} in {client.meta.region_name}"
    try:
        with _turn(content), _discreetly(), deadline.running(min(answer_seconds(client), _LONGEST_ATTEMPT)):
            answer = client.apply_guardrail(
                guardrailIdentifier=identifier, guardrailVersion=version, source=source, content=content
            )
    except AWS_ERRORS as error:
        raise guardrail_error(error, name) from error
    finally:
        deadline.close()
    if answer.get("action") not in _ACTIONS:
        # a proxy's page, say: what can't be read is not to let anything pass, and not to stop it for good
        raise GuardrailFailed(f"{name} gave an answer without an action.")
    return answer


@contextmanager
def _turn(content: list[dict[str, Any]]) -> Iterator[None]:
    """Wait until a picture may be sent; words need no turn."""
    if not any("image" in block for block in content):
        yield
        return
    with _pictures:
        yield


class _Discretion(logging.Filter):
    """Keeps out of a log what this thread asks a guardrail, and what that says."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let through what is told while no guardrail is asked, and what is no mere detail."""
        return record.levelno > logging.DEBUG or not getattr(_asking, "is_on", False)


_discretion = _Discretion()


@contextmanager
def _discreetly() -> Iterator[None]:
    """Ask without the SDK's log at DEBUG, which would have the words and the picture."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_discretion)  # where it is there already, this does nothing
    _asking.is_on = True
    try:
        yield
    finally:
        _asking.is_on = False


def _verdict(answer: Any, pictures: int) -> Verdict:
    """Read what the service answered; what a later one of its versions adds is passed over."""
    found = tuple(_findings(answer.get("assessments") or ()))
    guarded = (answer.get("guardrailCoverage") or {}).get("images") or {}
    return Verdict(
        stopped=answer.get("action") != "NONE" or any(finding.action in _STOPS for finding in found),
        found=found,
        units={name: count for name, count in (answer.get("usage") or {}).items() if count},
        unseen=pictures - int(guarded.get("guarded", pictures)),
    )


def _findings(assessments: Sequence[Any]) -> Iterator[Finding]:
    for assessment in assessments:
        for kind in _ASSESSMENTS:
            for item in (assessment.get(kind.policy) or {}).get(kind.filters) or ():
                action = str(item.get("action", "NONE"))
                # one that found nothing may be listed too; an older SDK tells of no such thing
                if action in _STOPS or item.get("detected", True):
                    yield Finding(_POLICIES[kind.policy], str(item.get(kind.name) or "custom words"), action)
