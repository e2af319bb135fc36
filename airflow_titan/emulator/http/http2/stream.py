"""One request of a connection that speaks HTTP/2, and its answer."""

from __future__ import annotations

import io
import logging
from http import HTTPStatus
from http.client import HTTPMessage
from typing import TYPE_CHECKING, Any

from h2.errors import ErrorCodes
from moto.moto_server.werkzeug_app import MotoRequestHandler

from airflow_titan.emulator.http.answer import answering
from airflow_titan.emulator.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.emulator.http.server import Server

    from .output import Output

log = logging.getLogger(__name__)

_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


class Stream:
    """
    One request, as it comes in, and then its answer.

    :param number: its own among the streams of its connection
    :param request: all of it but its body
    :param patience: seconds for each megabyte of the body
    """

    def __init__(self, number: int, request: Request, patience: float) -> None:
        self.number, self._request = number, request
        self._body = bytearray()
        self.size = 0
        """Bytes of the body that have come."""
        self.credit = 0
        """Bytes that the client may send again as soon as it is told."""
        self.patience = Patience(patience)
        self.is_open = True
        """Whether the client still wants an answer."""
        self.has_begun = False
        """Whether it has got the head of one."""

    def receive(self, data: bytes, credit: int) -> None:
        """Take a part of the body, which took `credit` bytes of what the client may send."""
        self._body += data
        self.size += len(data)
        self.credit += credit
        self.patience.spend(len(data))

    def answer(self, output: Output) -> None:
        """Answer the request, which is whole."""
        try:
            self._answer(output)
        except ConnectionResetError:  # a fault; those below it end the connection, if not as roughly
            output.reset(self, ErrorCodes.INTERNAL_ERROR)
        except ConnectionError:
            output.end(self)
        except TimeoutError:
            log.debug("the client did not take its answer: %s", self._request)
            output.reset(self, ErrorCodes.CANCEL)
        except Exception:
            # Half an answer may be out already: the only honest end is to cut it.
            log.exception("request failed: %s", self._request)
            output.reset(self, ErrorCodes.INTERNAL_ERROR)

    def _answer(self, output: Output) -> None:
        try:
            environ = self._request.make_environ()
        except ValueError:  # the address makes no sense
            output.refuse(self, HTTPStatus.BAD_REQUEST)
            return
        environ["wsgi.input"] = io.BytesIO(self._body)
        environ["CONTENT_LENGTH"] = str(self.size)
        self._body.clear()  # an application that is done with its own can let it go before it answers
        with answering(self._request.server.app, environ) as (status, headers, parts):
            code = status.partition(" ")[0]
            log.debug("%s %s", self._request, code)
            bodiless = self._request.command == "HEAD" or code in {"204", "304"}
            output.start(self, [(":status", code), *self._fields(code, headers)], end=bodiless)
            if not bodiless:
                for part in parts:  # each as soon as the application gives it
                    output.send(self, part)
                output.end(self)

    def _fields(self, code: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return an application's fields, but for those that HTTP/2 doesn't have, and the server's."""
        dropped = _OF_THE_CONNECTION | ({"content-length"} if code == "204" else set())
        fields = [(name.lower(), value) for name, value in headers if name.lower() not in dropped]
        if "date" in dict(fields):  # the application has a clock of its own
            return fields
        return [("server", self._request.version_string()), ("date", self._request.date_time_string()), *fields]


class Request(MotoRequestHandler):
    """
    The head of a request, for werkzeug and moto, whose handlers know how an application wants to be told of it.

    :param server: that it came to
    :param client_address: where from
    :param head: its fields, with those that begin with a colon
    """

    server: Server
    request_version = "HTTP/2.0"

    # the base class would read a request from a connection of its own, answer it, and be done
    def __init__(self, server: Server, client_address: Any, head: Iterable[tuple[bytes, bytes]]) -> None:
        self.server, self.client_address = server, client_address
        self.connection = self.rfile = None  # type: ignore[assignment]
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head]
        pseudo = {name: value for name, value in fields if name.startswith(":")}
        self.command = pseudo[":method"]
        self.path = pseudo.get(":path", "/")
        self.headers = HTTPMessage()
        if ":authority" in pseudo:
            self.headers["Host"] = pseudo[":authority"]
        for name, value in fields:
            if not name.startswith(":") and not (name == "host" and ":authority" in pseudo):
                self.headers[name] = value

    def __str__(self) -> str:
        return f"{self.command} {self.path} {self.request_version}"
