"""Whether a request comes from this machine, and not from a web page that somebody else wrote."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from wsgiref.types import WSGIEnvironment

_HOST = re.compile(r"(?P<name>[^:\[\]\s,]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_OWN_SITE = {"same-origin", "none"}  # "none" is what was typed into the address line
_NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}


def foreign_origin(environ: WSGIEnvironment, hosts: Collection[str], *, links: bool = False) -> str | None:
    """
    Return why a request is not taken for one of this machine's; None if it is.

    A page on the web can make a browser send requests here: to a name of its own that leads to 127.0.0.1, which the
    Host tells, or to this address, which the Origin tells or ``Sec-Fetch-Site``.

    :param hosts: names that are as good as a loopback address
    :param links: whether a link in another page may lead here
    """
    host = environ.get("HTTP_HOST", "").lower()
    if not is_local_host(environ, hosts):
        return (
            f"This route answers by a loopback address, such as http://127.0.0.1, and was asked by Host {host!r}. "
            "Start the emulator with --control-host NAME (control_hosts of running()) to let it answer by another name."
        )
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
        return f"This route doesn't answer pages of another origin, and was asked by {origin!r}."
    site = environ.get("HTTP_SEC_FETCH_SITE", "none").lower()
    if site not in _OWN_SITE and not (links and _NAVIGATION.items() <= environ.items()):
        return f"This route doesn't answer pages of another site, and was asked from one that is {site!r}."
    return None


def is_local_host(environ: WSGIEnvironment, hosts: Collection[str]) -> bool:
    """Say whether a request names this machine as its Host, or one of `hosts`."""
    match = _HOST.fullmatch(environ.get("HTTP_HOST", "").lower())
    if match is None:
        return False
    name = match["name"].strip("[]")
    if name == "localhost" or name in hosts:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
