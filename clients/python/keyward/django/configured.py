"""The verifiers that the setting `KEYWARD` describes: one for threads, one for event loops, made when first needed."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ..verifier import AsyncVerifier, Verifier

_OPTIONS = ("APP", "SECRET", "LOCAL", "CHECK_URL", "ISSUER", "AUDIENCE", "TIMEOUT", "TLS")
_OTHERS = ("URL", "EVERYWHERE")


def said() -> dict[str, Any]:
    found: dict[str, Any] = getattr(settings, "KEYWARD", {})
    if "URL" not in found or (unknown := found.keys() - {*_OPTIONS, *_OTHERS}):
        what = f"does not know {', '.join(sorted(unknown))}" if "URL" in found else "needs a URL"
        raise ImproperlyConfigured(f"the setting KEYWARD {what}")
    return found


def _options() -> dict[str, Any]:
    return {name.lower(): value for name, value in said().items() if name in _OPTIONS}


@cache
def verifier() -> Verifier:
    return Verifier(said()["URL"], **_options())


@cache
def async_verifier() -> AsyncVerifier:
    return AsyncVerifier(said()["URL"], **_options())
