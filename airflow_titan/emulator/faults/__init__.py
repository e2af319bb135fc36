"""
Trouble on request: which faults are active, which of them a request meets, and what they do to it.

A fault is a kind from the tables in ``kinds`` with options, which ``fault`` reads:

=============  ==========================================================================================
``times``      how many requests meet it; 1 unless given, None until it is cleared
``after``      how many matching requests pass before the first one meets it
``seconds``    how long, for the kinds that take time
``text``       Bedrock only: a regular expression that one of the request's texts must match
``operation``  Bedrock only: ``ApplyGuardrail`` in the place of ``InvokeModel``
``region``     Bedrock only: the region that the call must be signed for
``method``     S3 only: GET, PUT, HEAD, DELETE or POST
``key``        S3 only: a regular expression that the object's key must match
=============  ==========================================================================================

A request meets the first active fault that fits it, and every lasting one (a slow model, a wrong clock) beside it:
``injector`` keeps the active ones, ``strike`` is what a request has met. InvokeModel's faults stand for trouble inside
the service: a request that the service would refuse meets none.

It may enter ``http``, ``images`` and the content filter's words. The services ask it at the points where a fault can
strike; it knows neither of them.
"""

from .fault import Fault
from .injector import FaultInjector
from .strike import ConnectionCut, RequestFaults

__all__ = ["ConnectionCut", "Fault", "FaultInjector", "RequestFaults"]
