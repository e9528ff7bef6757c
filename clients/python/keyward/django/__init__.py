"""Keyward in Django: `keyward.django.Middleware`, and sessions by `SESSION_ENGINE = "keyward.django.sessions"`.

Both are told where Keyward is by the setting `KEYWARD`: a dictionary of `URL` and, as far as needed, `APP`, `SECRET`,
`LOCAL`, `CHECK_URL`, `ISSUER`, `AUDIENCE`, `TIMEOUT`, `TLS` and `EVERYWHERE`.
"""

from .middleware import Middleware, identity, public, requires

__all__ = ["Middleware", "identity", "public", "requires"]
