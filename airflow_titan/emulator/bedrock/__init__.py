"""
Bedrock: InvokeModel for every model of ``models.toml``, ApplyGuardrail, and the calls that describe both.

``service`` tells the calls apart; ``invoke`` and ``describe`` answer them. A wire format is a module in ``dialects``;
what it holds a body to is in ``schema``, ``input_images`` and the model's own row, and ``headers`` looks at what stands
beside the body. ``availability`` and ``throttling`` decide whether a model answers, ``calls`` is the record,
``painted`` knows a picture again, and ``canned`` has answers that lie ready, for measuring clients.

``guardrails`` looks at words and pictures beside all that.

It may enter ``faults``, ``painting``, ``images`` and ``http``. S3 is next door and shut. Amazon's rules are stated here
once more, from its documents.
"""

from .availability import Availability
from .calls import Call
from .guardrails import GuardrailCall, Guardrails
from .invoke import InvokeModel
from .painted import Painted
from .service import BedrockApp
from .throttling import Rate, RateKind, Throttle

__all__ = [
    "Availability", "BedrockApp", "Call", "GuardrailCall", "Guardrails", "InvokeModel", "Painted", "Rate", "RateKind",
    "Throttle",
]  # fmt: skip
