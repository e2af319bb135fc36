"""
The one port: a server that keeps its connections open, and the way of a request to the service that it is signed for.

``signature`` says what a request was signed for and ``origin`` whether it comes from this machine, ``router`` hands it
to an application, ``handler`` is one connection, with ``body`` and ``patience``, and ``server`` the port. It may enter
nothing else of the emulator; every service enters it.
"""

from .handler import reset
from .origin import foreign_origin
from .router import PICTURE, Router
from .server import Server, require_loopback
from .signature import Scope, scope_of

__all__ = ["PICTURE", "Router", "Scope", "Server", "foreign_origin", "require_loopback", "reset", "scope_of"]
