"""ApplyGuardrail: what becomes of each answer, and how long one that fails is asked again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from client import client
from pictures import photo
from stub import Says, refuses, scripted

from airflow_titan.aws import guardrail
from airflow_titan.aws.guardrail import Finding, Picture, Verdict, apply_guardrail
from airflow_titan.errors import AccessDenied, ConfigurationError, GuardrailFailed

PASSED = {"action": "NONE", "outputs": [], "assessments": [], "usage": {"contentPolicyUnits": 1, "topicPolicyUnits": 0}}


def answers(**changes: Any) -> Says:
    """Answer as Bedrock does."""
    return Says(body=json.dumps(PASSED | changes).encode(), headers={"Content-Type": "application/json"})


def look(*script: Says, patience: float = 0.0, pictures: int = 0) -> tuple[Verdict, int]:
    """Ask a guardrail that answers by a script; give what it said, and how often it was asked."""
    with scripted(*script) as stub:
        verdict = apply_guardrail(
            client("bedrock-runtime", stub.url), "gr1", "1", source="INPUT", texts=("a boat",),
            pictures=[Picture("png", photo())] * pictures, patience=patience,
        )  # fmt: skip
        return verdict, len(stub.heard)


def test_what_passes() -> None:
    """What is billed is told, as far as it is anything."""
    verdict, _ = look(answers())
    assert verdict == Verdict(stopped=False, found=(), units={"contentPolicyUnits": 1})


@pytest.mark.parametrize(
    ("assessment", "reason"),
    [
        ({"contentPolicy": {"filters": [{"type": "HATE", "confidence": "LOW", "action": "BLOCKED"}]}},
         "content policy, filter HATE"),
        ({"topicPolicy": {"topics": [{"name": "Rivals", "type": "DENY", "action": "BLOCKED"}]}},
         "topic policy, filter Rivals"),
        ({"wordPolicy": {"customWords": [{"match": "secret", "action": "BLOCKED"}], "managedWordLists": []}},
         "word policy, filter custom words"),
        ({"wordPolicy": {"customWords": [],
                         "managedWordLists": [{"match": "secret", "type": "PROFANITY", "action": "BLOCKED"}]}},
         "word policy, filter PROFANITY"),
        ({"sensitiveInformationPolicy": {"piiEntities": [],
                                         "regexes": [{"name": "Ticket", "match": "secret", "action": "ANONYMIZED"}]}},
         "sensitive information policy, filter Ticket (to be masked)"),
        ({"aLaterPolicy": {"filters": []}}, "a policy that it does not name"),
    ],
)  # fmt: skip
def test_what_is_stopped_names_the_filter_and_never_the_words(assessment: dict[str, Any], reason: str) -> None:
    """Also where nobody here knows the policy."""
    verdict, _ = look(answers(action="GUARDRAIL_INTERVENED", assessments=[assessment]))
    assert (verdict.stopped, verdict.reason) == (True, reason)
    assert "secret" not in str(verdict)


def test_what_a_filter_would_mask_is_stopped_whatever_the_action_says() -> None:
    """Some answers were seen to say NONE of what is masked."""
    entities = [{"type": "EMAIL", "match": "a@b.cd", "action": "ANONYMIZED"}]
    verdict, _ = look(answers(assessments=[{"sensitiveInformationPolicy": {"piiEntities": entities, "regexes": []}}]))
    assert verdict.stopped


def test_what_is_only_told_stops_nothing() -> None:
    """It is told all the same."""
    filters = [{"type": "HATE", "confidence": "HIGH", "action": "NONE", "detected": True}]
    verdict, _ = look(answers(assessments=[{"contentPolicy": {"filters": filters}}]))
    assert (verdict.stopped, verdict.found) == (False, (Finding("content policy", "HATE", "NONE"),))


def test_pictures_that_no_filter_is_for_are_told() -> None:
    """Somebody may believe that they are seen."""
    assert look(answers(guardrailCoverage={"images": {"guarded": 0, "total": 1}}), pictures=1)[0].unseen == 1
    assert look(answers(guardrailCoverage={"images": {"guarded": 1, "total": 1}}), pictures=1)[0].unseen == 0
    assert look(answers(), pictures=1)[0].unseen == 0


@pytest.mark.parametrize(
    "says",
    [
        refuses(429, "ThrottlingException", "no"),
        refuses(500, "InternalServerException", "no"),
        refuses(503, "ServiceUnavailableException", "no"),
        refuses(400, "ServiceQuotaExceededException", "no"),
        refuses(403, "ExpiredTokenException", "no"),
        Says(reset=True),
        Says(body=b"<html>", headers={"Content-Type": "text/html"}),
        Says(body=b"[]"),
        Says(body=b"{}"),
    ],
)
def test_what_may_pass_is_asked_again(says: Says) -> None:
    """As often as there is patience for; what can't be read says nothing, and lets nothing pass."""
    with pytest.raises(GuardrailFailed):
        look(says)
    verdict, asked = look(says, answers(), patience=30)
    assert (verdict.stopped, asked) == (False, 2)


@pytest.mark.parametrize(
    ("says", "error", "message"),
    [
        (refuses(403, "AccessDeniedException", "no"), AccessDenied, "bedrock:ApplyGuardrail"),
        (refuses(403, "UnrecognizedClientException", "no"), AccessDenied, "connection's keys"),
        (refuses(404, "ResourceNotFoundException", "no"), ConfigurationError, "guardrail_id"),
        (
            refuses(400, "ValidationException", "The guardrail identifier or version provided does not exist."),
            ConfigurationError, "guardrail_id and guardrail_version",
        ),
        (refuses(400, "ValidationException", "lacks the grounding source"), ConfigurationError, "contextual grounding"),
        (refuses(400, "ValidationException", "no"), ConfigurationError, "Correct the guardrail"),
    ],
)  # fmt: skip
def test_what_cannot_pass_is_asked_once(says: Says, error: type[Exception], message: str) -> None:
    """And says what to do."""
    with scripted(says) as stub, pytest.raises(error, match=message):
        apply_guardrail(client("bedrock-runtime", stub.url), "gr1", "1", source="INPUT", texts=("a",), patience=30)
    assert len(stub.heard) == 1


def test_an_answer_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model may need minutes, a guardrail never does."""
    monkeypatch.setattr(guardrail, "_LONGEST_ATTEMPT", 0.3)
    with pytest.raises(GuardrailFailed, match="gave no answer"):
        look(Says(hang=30))
