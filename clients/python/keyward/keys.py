"""The keys that Keyward's tokens are verified with, from its JWKS (RFC 7517).

A token that names an unknown key makes Keyward be asked, but not more often than once in a while, whatever tokens come.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import jwt

from .revocations import elapsed
from .trouble import Trouble
from .wire import Answer, Away

ALGORITHMS = ("ES256", "EdDSA", "RS256")

PATH = "/.well-known/jwks.json"
_BETWEEN = 10.0
"""Seconds from one asking to the next for an unknown key."""
_BETWEEN_FAILED = 1.0
_LONGEST = 3600.0
"""Seconds beyond their age for which keys are used that could not be asked for again."""


class Keys:
    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._keys: dict[str, jwt.PyJWK] = {}
        self._lock = threading.Lock()
        self._asking: Future[None] | None = None
        self._good_until = self._next_ask = elapsed()
        self._failed = True
        self._trouble = Trouble("the keys")

    def find(self, kid: str) -> jwt.PyJWK | None:
        """Raises `Away` where nobody can say whether there is such a key."""
        key = self._keys.get(kid)
        if elapsed() > self._good_until + _LONGEST or (key is None and self._failed):
            raise Away("the keys are not known")
        return key

    def wanted_for(self, kid: str) -> Future[None] | None:
        """What to wait for before `find`; keys that are only old are asked for while they serve."""
        is_old = elapsed() > self._good_until
        if kid in self._keys:
            if is_old:
                self._renew()
            return None
        return self._renew()

    def _renew(self) -> Future[None] | None:
        with self._lock:
            if self._asking is None and elapsed() >= self._next_ask:
                self._asking = Future()
                threading.Thread(target=self._fetch, args=(self._asking,), name="keyward-keys", daemon=True).start()
            return self._asking

    def _fetch(self, asking: Future[None]) -> None:
        failed = True
        try:
            answer = self._ask()
            if answer.status != 200:
                raise Away(f"{PATH} answers {answer.status}")
            self._keys = _read(answer.body)
            self._good_until = elapsed() + _max_age(answer.headers.get("cache-control", ""))
            failed = False
            self._trouble.over()
        except (Away, ValueError, LookupError, TypeError, AttributeError) as error:
            self._trouble.note(error)
        finally:
            with self._lock:
                self._failed, self._asking = failed, None
                self._next_ask = elapsed() + (_BETWEEN_FAILED if failed else _BETWEEN)
            asking.set_result(None)


def _read(body: bytes) -> dict[str, jwt.PyJWK]:
    """The signing keys of the algorithms allowed here; a secret one, which could verify what anybody made, never is."""
    keys: dict[str, jwt.PyJWK] = {}
    for jwk in json.loads(body)["keys"]:
        if jwk.get("alg") in ALGORITHMS and jwk.get("use", "sig") == "sig" and isinstance(jwk.get("kid"), str):
            keys[jwk["kid"]] = _key(jwk)
    return keys


def _key(jwk: dict[str, Any]) -> jwt.PyJWK:
    try:
        return jwt.PyJWK(jwk)
    except jwt.PyJWTError as error:
        raise ValueError(str(error)) from error


def _max_age(cache_control: str) -> float:
    found = re.search(r"\bmax-age=(\d{1,8})\b", cache_control)
    return float(found[1]) if found else 60.0
