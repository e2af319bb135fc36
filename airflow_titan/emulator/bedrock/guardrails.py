"""
Guardrails: ApplyGuardrail of ``bedrock-runtime``, and GetGuardrail of ``bedrock``, which tells what one filters.

Every guardrail here has the same filters. Like the content filter they go by words, so that a test can trip them:

====================  =====================================================================================
``flagged``           content policy: MISCONDUCT, stopped
``offensive``         content policy: INSULTS, found and let pass
``denied-topic``      topic policy: the topic ``Denied``, stopped
``denied-word``       word policy: a custom word, stopped
an e-mail address     sensitive information policy: EMAIL, masked
``guarded-output``    passes as a word; every picture that was painted from it is stopped: VIOLENCE
``guarded-some``      likewise, but of the pictures of one text only the first that is looked at is stopped
====================  =====================================================================================

A picture is known by its bytes: one that was written anew since, or that no model here painted, passes. A version is
there when its number is at most 9, and ``DRAFT`` always.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import re
import time
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.faults import ConnectionCut

from .response import Response

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_titan.emulator.faults import FaultInjector

    from .painted import Origin, Painted

log = logging.getLogger(__name__)

OPERATION = "ApplyGuardrail"
#: From AWS's pages: of one picture in bytes and in pixels a side, and how many there may be; characters of a text unit.
_MAXIMUM_IMAGE, _MAXIMUM_SIDE, _MAXIMUM_IMAGES, _TEXT_UNIT = 4 << 20, 8000, 20, 1000
_FORMATS = ("png", "jpeg")
_ID = re.compile(r"(?:arn:aws[^:]*:bedrock:(?P<region>[a-z0-9-]+):[0-9]{12}:guardrail/)?(?P<id>[a-z0-9]+)")
_VERSION = re.compile(r"[1-9]|DRAFT")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_USAGE = (
    "topicPolicyUnits", "contentPolicyUnits", "wordPolicyUnits", "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits", "contextualGroundingPolicyUnits", "contentPolicyImageUnits",
    "automatedReasoningPolicyUnits", "automatedReasoningPolicies",
)  # fmt: skip
#: Those that are counted for words here, as the guardrails have these policies.
_WORD_USAGE = _USAGE[:4]
_ACCOUNT = "123456789012"
_BLOCKED_WORDS, _BLOCKED_PICTURE = "The guardrail stopped this request.", "The guardrail stopped this answer."


@dataclass(frozen=True, slots=True)
class GuardrailCall:
    """
    One call of ApplyGuardrail, whatever came of it.

    :param request_id: the ``x-amzn-RequestId`` of the answer
    :param guardrail: as the client wrote it; may be an ARN
    :param version: likewise
    :param region: the region the request was signed for
    :param source: ``INPUT`` or ``OUTPUT``
    :param texts: the texts to look at
    :param images: the pictures to look at: format, width, height and bytes of each
    :param action: ``NONE`` or ``GUARDRAIL_INTERVENED``; None where none was answered
    :param status: HTTP status of the answer; 0 when an injected fault reset the connection before one was sent
    :param error_type: e.g. ``ValidationException``; None when the status is 200
    :param error_message: the error's message
    :param started: seconds since the epoch
    :param ended: seconds since the epoch, just before the answer was sent
    :param faults: the kinds of the injected faults that it met
    """

    request_id: str
    guardrail: str
    version: str
    region: str
    source: str | None
    texts: tuple[str, ...]
    images: tuple[tuple[str, int, int, int], ...]
    action: str | None
    status: int
    error_type: str | None
    error_message: str | None
    started: float
    ended: float
    faults: tuple[str, ...] = ()


class _Rule(NamedTuple):
    """What a word trips: where the assessment lists it, and what stands there."""

    pattern: re.Pattern[str]
    policy: str
    filters: str
    entry: dict[str, Any]


def _filter(kind: str, action: str = "BLOCKED") -> dict[str, Any]:
    strengths = {"confidence": "HIGH", "filterStrength": "HIGH"}
    return {"type": kind, **strengths, "action": action, "detected": True}


def _word(word: str) -> re.Pattern[str]:
    # a hyphen belongs to a word here
    return re.compile(rf"(?<![\w-]){word}(?![\w-])", re.IGNORECASE)


_RULES = (
    _Rule(_word("flagged"), "contentPolicy", "filters", _filter("MISCONDUCT")),
    _Rule(_word("offensive"), "contentPolicy", "filters", _filter("INSULTS", "NONE")),
    _Rule(
        _word("denied-topic"), "topicPolicy", "topics",
        {"name": "Denied", "type": "DENY", "action": "BLOCKED", "detected": True},
    ),
    _Rule(_word("denied-word"), "wordPolicy", "customWords", {"action": "BLOCKED", "detected": True}),
    _Rule(
        _EMAIL, "sensitiveInformationPolicy", "piiEntities",
        {"type": "EMAIL", "action": "ANONYMIZED", "detected": True},
    ),
)  # fmt: skip
_EVERY_PICTURE, _ONE_PICTURE = _word("guarded-output"), _word("guarded-some")
#: Lists that the model of the API says are always there beside the one that has something.
_BESIDE = {"wordPolicy": ("customWords", "managedWordLists"), "sensitiveInformationPolicy": ("piiEntities", "regexes")}
#: Entries that repeat what was matched.
_WITH_MATCH = frozenset({"wordPolicy", "sensitiveInformationPolicy"})


@dataclass(slots=True)
class _Look:
    """What a request wants looked at, read and checked."""

    source: str | None = None
    texts: list[str] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    images: list[tuple[str, int, int, int]] = field(default_factory=list)


class Guardrails:
    """
    The guardrails of every region.

    :param calls: where every call is recorded
    :param faults: the active ones
    :param painted: which pictures were painted here, and from which words
    :param ids: those that there are; None for any
    """

    def __init__(
        self, calls: list[GuardrailCall], faults: FaultInjector, painted: Painted, ids: Collection[str] | None = None
    ) -> None:
        for name in ids or ():
            if not re.fullmatch("[a-z0-9]+", name):
                raise ValueError(f"guardrails: {name!r}; an id has small letters and digits alone.")
        self._calls, self._faults, self._painted, self._ids = calls, faults, painted, ids
        self._stopped: dict[Origin, str] = {}

    def apply(self, raw: bytes, name: str, version: str, region: str, request_id: str) -> Response:
        """
        Return the answer to one call of ApplyGuardrail, and record it.

        :param raw: the request's body
        :param name: id or ARN of the guardrail, decoded from the URL
        """
        started = time.time()
        response, look = Response(), _Look()
        action: str | None = None
        try:
            self._find(name, version, region)
            _read(raw, look)
            response.faults = faults = self._faults.for_call(look.texts, region, OPERATION)
            faults.before_work()
            body = self._look_at(look, name, version, region)
            faults.after_work()
            action = body["action"]
            response.body = faults.change_body(body)
        except Refused as refusal:
            response.refuse(refusal)
        except ConnectionCut:
            response.status = 0
        except Exception:
            log.exception("ApplyGuardrail failed")
            message = "The emulator failed; its log has the traceback."
            response.refuse(Refused(message, "InternalServerException", 500))
        self._calls.append(
            GuardrailCall(
                request_id=request_id,
                guardrail=name,
                version=version,
                region=region,
                source=look.source,
                texts=tuple(look.texts),
                images=tuple(look.images),
                action=action,
                status=response.status,
                error_type=response.error_type,
                error_message=response.error_message,
                started=started,
                ended=time.time(),
                faults=response.faults.names if response.faults else (),
            )
        )
        return response

    def describe(self, name: str, version: str, region: str) -> dict[str, Any]:
        """
        Return what GetGuardrail says.

        :raises Refused: if there is no such guardrail
        """
        found = _ID.fullmatch(name)
        if not found or not self._is_there(found, version, region):
            message = f"The guardrail {name} with version {version} was not found."
            raise Refused(message, "ResourceNotFoundException", 404)
        strengths = {"inputStrength": "HIGH", "outputStrength": "HIGH"}
        modalities = {"inputModalities": ["TEXT", "IMAGE"], "outputModalities": ["TEXT", "IMAGE"]}
        kinds = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT")
        return {
            "name": found["id"],
            "guardrailId": found["id"],
            "guardrailArn": _arn(found["id"], region),
            "version": version,
            "status": "READY",
            "contentPolicy": {"filters": [{"type": kind, **strengths, **modalities} for kind in kinds]},
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "blockedInputMessaging": _BLOCKED_WORDS,
            "blockedOutputsMessaging": _BLOCKED_PICTURE,
        }

    def clear(self) -> None:
        """Forget which pictures were stopped."""
        self._stopped.clear()

    def _find(self, name: str, version: str, region: str) -> None:
        """See that there is such a guardrail."""
        found = _ID.fullmatch(name)
        if not found:
            raise Refused("The provided guardrail identifier is invalid.")
        if not self._is_there(found, version, region):
            # as the live service says it of either; its own code for what isn't there was not seen
            raise Refused("The guardrail identifier or version provided in the request does not exist.")

    def _is_there(self, found: re.Match[str], version: str, region: str) -> bool:
        return (
            (self._ids is None or found["id"] in self._ids)
            and found["region"] in {None, region}
            and _VERSION.fullmatch(version) is not None
        )

    def _look_at(self, look: _Look, name: str, version: str, region: str) -> dict[str, Any]:
        """Return the answer's body."""
        found = [*_in_words(look.texts), *self._in_pictures(look.pictures)]
        actions = {entry["action"] for _, _, entry in found}
        blocked, masked = "BLOCKED" in actions, "ANONYMIZED" in actions
        outputs: list[dict[str, str]] = []
        if blocked:
            outputs = [{"text": _BLOCKED_WORDS if look.source == "INPUT" else _BLOCKED_PICTURE}]
        elif masked:
            outputs = [{"text": _EMAIL.sub("{EMAIL}", text)} for text in look.texts]
        characters = sum(map(len, look.texts))
        usage = dict.fromkeys(_USAGE, 0) | {"contentPolicyImageUnits": len(look.pictures)}
        if look.texts:
            usage |= dict.fromkeys(_WORD_USAGE, -(-characters // _TEXT_UNIT))
        coverage: dict[str, Any] = {}
        if look.texts:
            coverage["textCharacters"] = {"guarded": characters, "total": characters}
        if look.pictures:
            coverage["images"] = {"guarded": len(look.pictures), "total": len(look.pictures)}
        assessment = _assessment(found) | {
            "invocationMetrics": {"guardrailProcessingLatency": 1, "usage": usage, "guardrailCoverage": coverage},
            "appliedGuardrailDetails": {
                "guardrailId": name.rpartition("/")[2],
                "guardrailVersion": version,
                "guardrailArn": _arn(name.rpartition("/")[2], region),
                "guardrailOrigin": ["REQUEST"],
                "guardrailOwnership": "SELF",
            },
        }
        return {
            "usage": usage,
            "action": "GUARDRAIL_INTERVENED" if blocked or masked else "NONE",
            "actionReason": "Guardrail blocked." if blocked else "Guardrail masked." if masked else "No action.",
            "outputs": outputs,
            "assessments": [assessment],
            "guardrailCoverage": coverage,
        }

    def _in_pictures(self, pictures: list[bytes]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield what was found in pictures, by what they were painted from."""
        for data in pictures:
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            origin = self._painted.origin(md5)
            if origin is None:
                continue
            one_of_them = _ONE_PICTURE.search(origin.text) and self._stopped.setdefault(origin, md5) == md5
            if one_of_them or _EVERY_PICTURE.search(origin.text):
                yield "contentPolicy", "filters", _filter("VIOLENCE")


def _in_words(texts: list[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what was found in words."""
    for rule in _RULES:
        for text in texts:
            for match in rule.pattern.finditer(text):
                entry = {"match": match[0], **rule.entry} if rule.policy in _WITH_MATCH else rule.entry
                yield rule.policy, rule.filters, entry


def _assessment(found: list[tuple[str, str, dict[str, Any]]]) -> dict[str, Any]:
    assessment: dict[str, Any] = {}
    for policy, filters, entry in found:
        lists = assessment.setdefault(policy, {name: [] for name in _BESIDE.get(policy, (filters,))})
        lists[filters].append(entry)
    return assessment


def _arn(name: str, region: str) -> str:
    return f"arn:aws:bedrock:{region}:{_ACCOUNT}:guardrail/{name}"


def _read(raw: bytes, look: _Look) -> None:
    """
    Read a request's body into a look.

    :raises Refused: if it is none
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("The request body is not valid JSON.", "SerializationException") from None
    content = body.get("content") if isinstance(body, dict) else None
    source = body.get("source") if isinstance(body, dict) else None
    look.source = source if isinstance(source, str) else None
    if source not in {"INPUT", "OUTPUT"}:
        raise Refused(_constraint("source", "enum value set: [INPUT, OUTPUT]"))
    if not isinstance(content, list) or not content:
        raise Refused("The content in the request is empty.")
    for block in content:
        _read_block(block, look)
    if len(look.images) > _MAXIMUM_IMAGES:
        raise Refused(f"The request has {len(look.images)} images; at most {_MAXIMUM_IMAGES} are allowed.")


def _read_block(block: Any, look: _Look) -> None:
    """Read one block of the content: a text or an image."""
    kinds = [kind for kind in ("text", "image") if isinstance(block, dict) and isinstance(block.get(kind), dict)]
    if len(kinds) != 1:
        raise Refused("A block of the content has either text or image.")
    part = block[kinds[0]]
    if kinds == ["text"]:
        if not isinstance(part.get("text"), str):
            raise Refused(_constraint("content.text.text", "a text"))
        look.texts.append(part["text"])
        return
    source, named = part.get("source"), part.get("format")
    try:
        data = base64.b64decode(source["bytes"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise Refused(_constraint("content.image.source.bytes", "base64")) from None
    if named not in _FORMATS:
        raise Refused(_constraint("content.image.format", "enum value set: [png, jpeg]"))
    if len(data) > _MAXIMUM_IMAGE:
        raise Refused(f"An image has {len(data)} bytes; at most {_MAXIMUM_IMAGE} are allowed.")
    try:
        with Image.open(BytesIO(data)) as picture:
            kind, size = str(picture.format).lower(), picture.size
    # a damaged file raises a dozen kinds
    except Exception:  # noqa: BLE001
        kind, size = "", (0, 0)
    if kind != named:
        raise Refused(f"An image is no {named}.")
    if max(size) > _MAXIMUM_SIDE:
        raise Refused(f"An image has {size[0]} x {size[1]} pixels; a side has at most {_MAXIMUM_SIDE}.")
    look.pictures.append(data)
    look.images.append((named, *size, len(data)))


def _constraint(where: str, constraint: str) -> str:
    return f"1 validation error detected: Value at '{where}' failed to satisfy constraint: {constraint}"
