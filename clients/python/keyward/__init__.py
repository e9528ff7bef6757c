"""Who asks? Keyward's answer for Python servers: by its check, or by verifying access tokens here.

This module is the core; `keyward.asgi`, `keyward.wsgi`, `keyward.fastapi`, `keyward.flask` and `keyward.django` put it
into a framework.
"""

from .demand import ANYBODY, Demand
from .identity import Identity, NoStream
from .refusal import Refusal
from .request import Request
from .verifier import AsyncVerifier, Verifier

__version__ = "0.1.0"

__all__ = [
    "ANYBODY",
    "AsyncVerifier",
    "Demand",
    "Identity",
    "NoStream",
    "Refusal",
    "Request",
    "Verifier",
]
