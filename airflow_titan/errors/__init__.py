"""
Everything that can go wrong, as one tree.

::

    TitanError
    ├── TerminalError            no other try can help: the task fails at once
    │   ├── ConfigurationError   the deployment lacks a setting, or has a wrong one
    │   │   ├── StoreRefused     S3 refuses, as for want of a permission or a bucket; or a rate group's Redis
    │   │   ├── DamagedRecord    a record in S3, or Redis, is damaged, or of a newer version
    │   │   └── UnsafeStore      the store ignores conditional writes
    │   ├── InvalidRequest       the request breaks rules of the model; nothing was sent
    │   ├── RequestRefused       the service refused what our check let through
    │   ├── ContentBlocked       the content filter, or a guardrail, stopped the prompt, an input or an output
    │   ├── AccessDenied         the credentials may not use this model
    │   ├── ModelUnavailable     the model can't be reached by this id
    │   │   ├── UnknownModel     no such model in this region
    │   │   └── ModelRetired     the model has reached the end of its life, or is closed to this account
    │   ├── OutcomeUnknown       all calls that may be paid for were made, and none brought a usable answer
    │   ├── ImagesMissing        a result's record stands, and images of it are gone or are something else by now
    │   ├── Rejected             a person was asked to choose among images, and turned all of them down
    │   └── NoAnswer             a person was asked, and did not answer in time
    └── TransientError           another try may pass: left to Airflow's retries
        ├── NotExecuted          the model surely did no work, so nothing was paid
        │   ├── AccountLimited   a quota is used up, or the credentials have expired
        │   ├── BudgetSpent      what is left of the task's budget doesn't pay for it
        │   ├── Stopped          the task is ending, so it was not sent any more
        │   └── BackOff          asking again soon may do: tried again in place, within a bounded time
        │       ├── Throttled    HTTP 429
        │       ├── Unavailable  HTTP 503
        │       └── ConnectFailed the request never reached the service
        ├── ServiceFailed        the service failed while working; it may have been paid
        ├── AnswerLost           the answer did not arrive; it may have been paid
        ├── BadAnswer            the answer arrived, and is not what was asked for
        ├── StoreFailed          S3, or a rate group's Redis, failed in a way that may pass
        ├── GuardrailFailed      the guardrail could not look, in a way that may pass
        └── WorkerExhausted      the worker has no more disk, files, threads or memory
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_titan.errors.abbreviation import abbreviate as abbreviate
from airflow_titan.errors.exhaustion import exhausted as exhausted
from airflow_titan.errors.refusal import refused_after_all as refused_after_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Problem:
    """
    One thing that is wrong with a request, in the four parts that a person needs to put it right.

    :param parameter: the parameter's name, as the operator spells it
    :param value: what was given, short and without any prompt's words
    :param limit: what is allowed
    :param remedy: what to do
    :param is_refusal: whether S3 refuses to show what it is about, which somebody may put right
    """

    parameter: str
    value: str
    limit: str
    remedy: str
    is_refusal: bool = False

    def __str__(self) -> str:
        """Say the four parts in one line."""
        return f"{self.parameter}: got {self.value}; allowed is {self.limit}. {self.remedy}"


class TitanError(Exception):
    """Any failure that this package knows by name."""


class TerminalError(TitanError):
    """The request can't succeed as it stands; another try would end the same way."""


class ConfigurationError(TerminalError):
    """
    A setting of the deployment is missing or wrong.

    Correct the setting that the message names, in ``airflow.cfg``, the environment or the connection;
    ``airflow-titan check`` looks at all of them at once.
    """


class StoreRefused(ConfigurationError):
    """
    S3, or the Redis of a rate group, refuses to read or write; somebody has to put it right.

    The message repeats what it said, and names the permission, bucket or object that is missing.

    :param reason: what S3 said, where it was asked
    :param remedy: what to do about that
    :param is_missing: whether it said that there is no such object
    """

    def __init__(self, message: str, *, reason: str = "", remedy: str = "", is_missing: bool = False) -> None:
        self.reason = reason
        self.remedy = remedy
        self.is_missing = is_missing
        super().__init__(message)


class DamagedRecord(ConfigurationError):
    """
    A record that this package keeps in S3, or in Redis, can't be read: damaged, or of a newer version.

    Put the object back as it was, or delete it; of a newer version: bring the worker's package up to date.

    :param uri: where it lies
    :param reason: what is wrong with it, as the rest of a sentence
    :param remedy: what to do
    """

    def __init__(self, uri: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{uri} {reason}. {remedy or 'Put it back as it was, as from the bucket, or delete it.'}")


class UnsafeStore(ConfigurationError):
    """
    The store ignores conditional writes, so that nothing could prevent paying twice.

    Use S3 itself, or a store that honors ``If-None-Match`` and ``If-Match``. ``[titan] unsafe_store`` works with
    another at your own risk.
    """


class InvalidRequest(TerminalError):
    """
    The request breaks rules of the model, and was not sent.

    Correct each parameter that the message names, by the limit and the remedy that stand beside it.

    :param problems: every problem found, not only the first
    :param subject: what the problems belong to, such as ``inpainting on amazon.titan-image-generator-v1``
    """

    def __init__(self, problems: Iterable[Problem], subject: str) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{count} with {subject}; nothing was sent and nothing was paid:\n{lines}")


class RequestRefused(TerminalError):
    """
    The service refused a request that our own check had accepted.

    Correct what the service's words name. If our check should have found it, report it.
    """


class ContentBlocked(TerminalError):
    """
    The content filter, or a guardrail, stopped the request, or some of its pictures.

    Change the words or the picture. ``on_blocked`` says whether the task fails, skips itself or keeps what came back.

    :param message: what the service said
    :param kept: how many images came back all the same
    :param unpaid: whether the model surely was not asked
    """

    def __init__(self, message: str, *, kept: int = 0, unpaid: bool = False) -> None:
        self.kept = kept
        self.unpaid = unpaid
        super().__init__(message)


class AccessDenied(TerminalError):
    """
    The credentials are missing, or may not invoke this model.

    Allow the role what ``airflow-titan policy`` prints, or give the connection credentials; ``airflow-titan check``
    says which is missing.
    """


class ModelUnavailable(TerminalError):
    """
    The model can't be reached by this id, in this region, by this account.

    Use the id of an inference profile where the model is offered by none else, or the ARN of what you provisioned.
    """


class UnknownModel(ModelUnavailable):
    """
    The region offers no model of this id.

    Correct ``model_id``, or name a region that offers it: ``airflow-titan models --live`` lists both.
    """


class ModelRetired(ModelUnavailable):
    """
    The model has reached the end of its life, or is legacy and closed to this account.

    Send its tasks to a living model by ``[titan] reroute``. The message names those that can run this task, with
    prices.
    """


class OutcomeUnknown(TerminalError):
    """
    All calls that may be paid for were made, and none brought a usable answer.

    Look for the fingerprint that the message names in Bedrock's invocation log: it tells what was paid. To try again,
    raise ``max_paid_calls``, or clear the task with ``reuse=False``.
    """


class ImagesMissing(TerminalError):
    """
    A result's record stands, and images of it are gone, or have been written over.

    Put the images back, as from a version of the bucket; or set ``on_missing="regenerate"`` and clear the task, which
    pays again.
    """


class Rejected(TerminalError):
    """
    A person was asked to choose among images, and turned all of them down.

    Read the remark and the new text in XCom, make other images, and clear the task to ask again;
    ``on_reject="skip"`` skips the task in its place.
    """


class NoAnswer(TerminalError):
    """
    A person was asked, and did not answer in time.

    Clear the task to ask again, with a longer ``response_timeout``; ``defaults`` say what is taken when nobody answers.
    """


class TransientError(TitanError):
    """Another try may pass."""


class NotExecuted(TransientError):
    """The model did no work, so that asking again costs nothing."""


class AccountLimited(NotExecuted):
    """
    The account's quota is used up, or its credentials have expired.

    Wait until the quota is free, ask AWS for a higher one, or renew the credentials.
    """


class BudgetSpent(NotExecuted):
    """
    What is left of the budget of a whole task doesn't pay for this call.

    Raise ``max_price_usd`` and clear the task: what is done stays done.
    """


class Stopped(NotExecuted):
    """
    The task is ending, so the call was not made any more.

    Nothing: the next try, or a cleared task, goes on where this one ended.
    """


class BackOff(NotExecuted):
    """The service could not begin; asking again in a moment may do."""


class Throttled(BackOff):
    """
    HTTP 429: the account's rate is used up, or the model is not ready.

    Give the task ``retries``; for many calls use a bulk task with ``requests_per_minute``, or ask AWS for a higher
    quota.
    """


class Unavailable(BackOff):
    """
    HTTP 503: the service has no capacity at the moment.

    Give the task ``retries``, with ``retry_exponential_backoff``.
    """


class ConnectFailed(BackOff):
    """
    No connection to the service came about.

    Look at network, proxy, DNS and ``endpoint_url``; ``airflow-titan check`` says which address does not answer.
    """


class ServiceFailed(TransientError):
    """
    The service failed while it worked on the request (HTTP 408, 424, 500 and the like).

    Give the task ``retries``. ``max_paid_calls`` bounds what they may pay.
    """


class AnswerLost(TransientError):
    """
    The request was sent and no whole answer came back.

    Give the task ``retries``, and set no read timeout below 300 s: a picture that is given up on is paid all the
    same.
    """


class BadAnswer(TransientError):
    """
    An answer came back that is not the pictures that were asked for.

    Give the task ``retries``. Where it stays so, the model or a proxy changes answers: the message says what was
    wrong.
    """


class StoreFailed(TransientError):
    """
    S3, or the Redis of a rate group, failed in a way that may pass.

    Give the task ``retries``. What was paid is in the journal, and the next try goes on from there.
    """


class GuardrailFailed(TransientError):
    """
    The guardrail could not look, in a way that may pass: throttled, failed, out of reach, or too late.

    Give the task ``retries``. What was paid is in the journal, and the next try shows it to the guardrail.
    """


class WorkerExhausted(TransientError):
    """
    The worker lacks disk, open files, threads or memory.

    Do as the message says: more disk, files, threads or memory, or a lower ``max_concurrency``. A retry goes on
    from the journal.
    """


def request_status(error: BaseException) -> str:
    """Return what an error makes of its request, as rows and metrics say it."""
    return next((status for kind, status in _REQUEST_STATUSES if isinstance(error, kind)), "failed")


#: The first that fits.
_REQUEST_STATUSES: tuple[tuple[type[TitanError], str], ...] = (
    (Stopped, "not_run"), (BudgetSpent, "not_run"), (ContentBlocked, "blocked"), (InvalidRequest, "invalid"),
)  # fmt: skip


class Problems(list[Problem]):
    """
    Collect what is wrong, so that all of it is told at once.

    :param subject: what the problems belong to, such as ``making a mask``; ``None`` for settings, which are nobody's
        request: their error is :class:`ConfigurationError`
    """

    def __init__(self, subject: str | None = None) -> None:
        super().__init__()
        self.subject = subject

    def add(self, parameter: str, value: str, limit: str, remedy: str) -> None:
        """Note a problem by the four parts of :class:`Problem`."""
        self.append(Problem(parameter, value, limit, remedy))

    def renamed(self, names: Mapping[str, str]) -> list[Problem]:
        """Return them with other names for some parameters, as where a value was taken from a setting."""
        return [replace(problem, parameter=names.get(problem.parameter, problem.parameter)) for problem in self]

    def raise_if_any(self) -> None:
        """
        End the collecting.

        :raises InvalidRequest: with every problem, if there is one
        :raises ConfigurationError: likewise, where there is no subject
        """
        if not self:
            return
        if self.subject is None:
            raise ConfigurationError("\n".join(map(str, self)))
        raise InvalidRequest(self, self.subject)
