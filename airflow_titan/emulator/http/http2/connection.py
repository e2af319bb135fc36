"""The library's connection, as a server needs it that owes answers to a client which has said goodbye."""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated
from h2.settings import SettingCodes, Settings

if TYPE_CHECKING:
    from h2.events import Event
    from hyperframe.frame import Frame, GoAwayFrame

STREAM_WINDOW = 1 << 18  # bytes of a body that a client may send before it is told that it may go on
_WINDOW = 1 << 24  # likewise, of all bodies together; what each stream may have bounds it before this does
_STREAMS = 500  # side by side on one connection; SDKs let hundreds wait on one


class Connection(H2Connection):
    """The frames of one connection and the state that they leave it in."""

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=False))
        # what is set before the beginning holds from the beginning: a client may open streams before it has read it
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_CONCURRENT_STREAMS: _STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: self.DEFAULT_MAX_HEADER_LIST_SIZE,
            },
        )

    def initiate_connection(self) -> None:
        """Say what a client may do."""
        super().initiate_connection()
        self.increment_flow_control_window(_WINDOW)

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        """
        Note that a client opens no further streams.

        The library would send nothing from then on. But Node's ``session.close()`` says goodbye first, and waits for
        its answers then (RFC 9113, section 6.8).
        """
        event = ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]
