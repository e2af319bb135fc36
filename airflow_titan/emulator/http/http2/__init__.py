"""
HTTP/2 with prior knowledge (RFC 9113, section 3.3): what AWS's SDK for JavaScript speaks to Bedrock, also in the clear.

``session`` is one connection with what all its requests share, on the library ``h2``; ``stream`` is one request and its
answer, in a thread of its own; ``outbox`` sends what they have to say. A fault of the kind that cuts a connection
strikes its own stream alone: others on the connection are other requests, which have met no fault.
"""

from .session import PREFACE_LINE, Session

__all__ = ["PREFACE_LINE", "Session"]
