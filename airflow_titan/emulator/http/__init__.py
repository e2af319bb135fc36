"""
The one port: a server that keeps its connections open, and the way of a request to the service that it is signed for.

``signature`` says what a request was signed for, ``router`` hands it to an application, ``handler`` is one connection
and ``server`` the port. It may enter nothing else of the emulator; every service enters it.
"""

from .handler import reset
from .router import Router
from .server import Server, require_loopback
from .signature import Scope, scope_of

__all__ = ["Router", "Scope", "Server", "require_loopback", "reset", "scope_of"]
