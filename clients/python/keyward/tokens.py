"""Access tokens, verified here (RFC 9068, RFC 8725): by Keyward's keys, and by what it has revoked."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import jwt

from . import refusal
from .demand import Demand
from .identity import Identity
from .keys import ALGORITHMS, Keys
from .refusal import Refusal
from .revocations import Entry, Revocations, Subject
from .wire import Away

_REQUIRED = ["exp", "iat", "jti", "sid", "sub", "client_id"]
_TEXTS = ("jti", "sid", "sub", "client_id")
_TYPES = ("at+jwt", "application/at+jwt")


_MOST_SEEN = 10_000


class _Genuine(NamedTuple):
    """What a token says that was verified with that key: neither ever changes."""

    kid: str
    key: jwt.PyJWK
    claims: dict[str, Any]


@dataclass(frozen=True)
class Tokens:
    """`judge` asks nobody; `wanted_for` says what it is better to have waited for."""

    keys: Keys
    revocations: Revocations
    issuer: str
    audience: str
    _seen: dict[str, _Genuine] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wanted_for(self, token: str) -> list[Future[None]]:
        waits = [] if self.revocations.first_status.done() else [self.revocations.first_status]
        seen = self._seen.get(token)
        kid = seen.kid if seen else _kid(token)
        if kid is not None and (keys := self.keys.wanted_for(kid)):
            waits.append(keys)
        return waits

    def judge(self, token: str, demand: Demand) -> Identity | Refusal:
        try:
            claims = self._claims(token)
        except Away:
            return refusal.unavailable()
        except jwt.ExpiredSignatureError:
            return refusal.unauthorized("token_expired", "the access token has expired")
        except (jwt.PyJWTError, ValueError):
            return refusal.unauthorized("token_invalid", "the access token is not valid")
        subject = Subject(claims["sid"], claims["sub"], claims["iat"], claims["jti"])
        # First what is known, then whether it is all: what is known to be revoked stays so.
        if entry := self.revocations.refused(subject):
            return _revoked(entry)
        if not self.revocations.is_fresh:
            return refusal.unavailable()
        return _lacks(claims, demand) or self._identity(claims, subject)

    def _claims(self, token: str) -> dict[str, Any]:
        """Those of a genuine token. The signature is looked at once, as long as its key is one of Keyward's."""
        seen = self._seen.get(token)
        if seen is None or self.keys.find(seen.kid) is not seen.key:
            seen = self._verified(token)
            with self._lock:
                self._seen[token] = seen
                if len(self._seen) > _MOST_SEEN:
                    del self._seen[next(iter(self._seen))]
        if seen.claims["exp"] <= time.time():
            self._seen.pop(token, None)
            raise jwt.ExpiredSignatureError
        return seen.claims

    def _verified(self, token: str) -> _Genuine:
        kid = _kid(token)
        key = None if kid is None else self.keys.find(kid)
        if kid is None or key is None:
            raise jwt.InvalidTokenError
        # `iat` is a word on revocations, not on validity: a clock that is a second behind must refuse nobody.
        options: Any = {"require": _REQUIRED, "verify_iat": False}
        allowed = [key.algorithm_name]
        claims = jwt.decode(
            token, key.key, algorithms=allowed, issuer=self.issuer, audience=self.audience, options=options
        )
        are_texts = all(isinstance(claims[name], str) and claims[name] for name in _TEXTS)
        if not are_texts or not _is_time(claims["iat"]) or not _is_time(claims["exp"]):
            raise jwt.InvalidTokenError
        return _Genuine(kid, key, claims)

    def _identity(self, claims: Mapping[str, Any], subject: Subject) -> Identity:
        return Identity(
            user=claims["sub"],
            session=claims["sid"],
            app=claims["client_id"],
            roles=_roles(claims),
            username=claims.get("preferred_username"),
            claims=MappingProxyType(claims),
            _subject=subject,
            _revocations=self.revocations,
        )


def _kid(token: str) -> str | None:
    """The key it names, if a token of Keyward could have that header. What else is in there is not looked at."""
    try:
        head = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):  # The last by JSON that is nested deeply.
        return None
    kid, kind = head.get("kid"), head.get("typ")
    is_ours = head.get("alg") in ALGORITHMS and isinstance(kind, str) and kind.lower() in _TYPES
    return kid if is_ours and isinstance(kid, str) else None


def _revoked(entry: Entry) -> Refusal:
    if entry.reason is None and entry.why == "outdated":
        return refusal.unauthorized("token_outdated", "the user's roles are others now")
    return refusal.unauthorized("token_revoked", "the access token is revoked", entry.reason)


def _lacks(claims: Mapping[str, Any], demand: Demand) -> Refusal | None:
    if not _roles(claims).issuperset(demand.roles):
        return refusal.lacks_role()
    if demand.acr == "2" and claims.get("acr") != "2":
        return refusal.lacks_second_factor()
    signed_in = claims.get("auth_time", 0)
    if demand.max_age is not None and not (_is_time(signed_in) and signed_in + demand.max_age >= time.time()):
        return refusal.lacks_recency(demand.max_age)
    return None


def _roles(claims: Mapping[str, Any]) -> frozenset[str]:
    roles = claims.get("roles", [])
    return frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset()


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
