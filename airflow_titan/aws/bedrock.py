"""
The only code that talks to Bedrock: one request, sent once, and every way in which it ends.

The client must not retry by itself (:mod:`airflow_titan.hooks.bedrock` sees to that): the service knows no
idempotency token, so whatever the SDK sends again is paid again. Nothing is sent again here either.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from airflow_titan.aws.body import PIECE, RequestBody, save_pieces
from airflow_titan.aws.deadline import Deadline, answer_seconds, transfer_seconds, watch
from airflow_titan.aws.failures import AWS_ERRORS, answer_lost, bedrock_error
from airflow_titan.errors import AnswerLost, BadAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Bytes of an answer, at most: the service's own bound for a request and for an answer.
MAX_ANSWER = 25_000_000


class Origin(NamedTuple):
    """
    Where an answer comes from, where that is the request's own choice; both empty where it is its task's.

    :param region: the region that was asked
    :param connection: the Airflow connection by which it was
    """

    region: str = ""
    connection: str = ""


#: Where a task asks.
USUAL = Origin()


@dataclass(frozen=True)
class RawResponse:
    """
    The service's answer as it came.

    :param body: the bytes of the body
    :param request_id: AWS's name for the request
    :param model_latency_ms: how long the model worked, as the service measured it
    :param elapsed_ms: how long the call took, as seen from here
    :param origin: where the service was asked
    """

    body: bytes
    request_id: str
    model_latency_ms: int | None
    elapsed_ms: int
    origin: Origin = USUAL


@dataclass(frozen=True)
class SavedResponse:
    """
    The service's answer as it came, its body in a file.

    :param file: holds the bytes of the body, and nothing else
    :param request_id: AWS's name for the request
    :param model_latency_ms: how long the model worked, as the service measured it
    :param elapsed_ms: how long the call took, as seen from here
    :param origin: where the service was asked
    """

    file: BinaryIO
    request_id: str
    model_latency_ms: int | None
    elapsed_ms: int
    origin: Origin = USUAL

    @property
    def size(self) -> int:
        """Return how many bytes the body has."""
        return self.file.seek(0, os.SEEK_END)

    def load(self) -> RawResponse:
        """Return the answer with its body in memory."""
        self.file.seek(0)
        return RawResponse(self.file.read(), self.request_id, self.model_latency_ms, self.elapsed_ms, self.origin)


@dataclass(frozen=True)
class StreamedResponse:
    """
    An answer whose headers are there, and whose body is still on its way: the model has done its work.

    :param request_id: AWS's name for the request
    :param model_latency_ms: how long the model worked, as the service measured it
    :param content_length: bytes of the body; 0 where the service doesn't tell
    :param body: what the body is read from
    :param started: when the request was sent, by this process's monotonic clock
    :param deadline: ends the reading of a body that doesn't come to its end
    :param seconds: how long the body may take, from when it is begun to be read
    :param origin: where the service was asked
    """

    request_id: str
    model_latency_ms: int | None
    content_length: int
    body: Any
    started: float
    deadline: Deadline
    seconds: float
    origin: Origin = USUAL

    def save(self, file: BinaryIO) -> SavedResponse:
        """
        Write the whole answer to a file, a piece at a time.

        :param file: an empty file; if its disk takes no more, the answer is kept in memory, as it is paid for
        :raises AnswerLost: if it is lost on the way, or doesn't come to its end in time
        :raises BadAnswer: if it is larger than any answer of the service's
        """
        try:
            with self.deadline.running(self.seconds):
                saved = save_pieces(self._pieces(), file)
        except AWS_ERRORS as error:
            lost = answer_lost(error, time.monotonic() - self.started, self.deadline)
            raise AnswerLost(f"{lost} AWS request id {self.request_id}.") from error
        finally:
            self.deadline.close()
        elapsed_ms = round((time.monotonic() - self.started) * 1000)
        return SavedResponse(saved, self.request_id, self.model_latency_ms, elapsed_ms, self.origin)

    def _pieces(self) -> Iterator[bytes]:
        """Read the body, and never more of it than an answer can have."""
        size = self.content_length
        if size <= MAX_ANSWER:
            size = 0
            # to the empty piece: only then does the SDK look whether all has come
            while piece := self.body.read(PIECE):
                size += len(piece)
                if size > MAX_ANSWER:
                    break
                yield piece
            else:
                return
        self.body.close()
        length = f"{self.content_length:,}" if self.content_length else f"more than {MAX_ANSWER:,}"
        raise BadAnswer(
            f"the answer has {length} bytes; an answer of the service's has {MAX_ANSWER:,} at most. AWS request id "
            f"{self.request_id}."
        )


def invoke(
    client: Any, model_id: str, body: BinaryIO, *, metadata: Mapping[str, str] | None = None, origin: Origin = USUAL
) -> StreamedResponse:
    """
    Invoke a model, once; return as soon as the answer's headers are there.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param model_id: model id or ARN
    :param body: the request in the model's dialect; it is closed when the service has accepted it
    :param metadata: tags for AWS's invocation log; left out where the installed botocore doesn't know them
    :param origin: what the answer is to say of where it comes from
    :raises TitanError: one of :mod:`airflow_titan.errors`; :class:`~airflow_titan.errors.BackOff` where the model did
        no work, and the same request may be sent again
    """
    arguments: dict[str, Any] = {
        "modelId": model_id, "contentType": "application/json", "accept": "application/json"
    }  # fmt: skip
    operation = client.meta.service_model.operation_model("InvokeModel")
    if metadata and "requestMetadata" in operation.input_shape.members:
        arguments["requestMetadata"] = request_metadata(metadata)
    watch(client)
    started, deadline = time.monotonic(), Deadline()
    body.seek(0)
    try:
        with deadline.running(answer_seconds(client)):
            response = client.invoke_model(body=RequestBody(body), **arguments)
    except AWS_ERRORS as error:
        ours = bedrock_error(error, model_id, time.monotonic() - started, deadline)
        deadline.close()
        raise ours from error
    except BaseException:
        deadline.close()
        raise
    # nobody needs the request any more, and both together are a lot to keep in memory
    body.close()
    facts = response["ResponseMetadata"]
    headers = facts.get("HTTPHeaders", {})
    return StreamedResponse(
        request_id=str(facts.get("RequestId", "")),
        model_latency_ms=_number(headers, "x-amzn-bedrock-invocation-latency"),
        content_length=_number(headers, "content-length") or 0,
        body=response["body"],
        started=started,
        deadline=deadline,
        seconds=transfer_seconds(client),
        origin=origin,
    )


def request_metadata(tags: Mapping[str, str]) -> str:
    """
    Return tags as ``requestMetadata`` takes them: a JSON object of short plain texts.

    The service takes at most 16 tags of 256 letters, digits, spaces and some signs; everything else becomes ``_``.
    """
    plain = {key: re.sub(r"[^A-Za-z0-9 :_@$#=/+,.-]", "_", value)[:256] for key, value in tags.items() if value}
    return json.dumps(plain, separators=(",", ":"))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header's number; ``None`` where there is none."""
    value = headers.get(name, "")
    return int(value) if value.isdigit() else None
