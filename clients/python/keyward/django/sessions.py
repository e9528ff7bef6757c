"""A session engine: what `request.session` holds is kept by Keyward, below `/v1/apps/{app}/sessions`.

A session ends everywhere at once, a late save never brings it back, and two requests that save at once each keep what
they have changed.
"""

from __future__ import annotations

import json
import re
from functools import cache
from ipaddress import ip_address
from typing import Any

from django.contrib.auth import SESSION_KEY, user_logged_in
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver

from ..connections import Connections
from ..stream import basic
from ..trouble import Trouble
from ..wire import Address, Away
from .configured import said

_TOKEN = re.compile(r"[0-9A-Za-z]{64}")
_SHORTEST_LIFE = 10
_EXPIRY = "_session_expiry"
"""Where `set_expiry` of Django keeps what it was told."""
_ANSWERS = (200, 201, 400, 404, 413)
_NOWHERE = "::"
"""The address of a session that nobody has signed in to."""


_trouble = Trouble("the sessions")


class Refused(RuntimeError):
    """Keyward does not take what was to be kept: it is too much, say."""


class SessionStore(SessionBase):
    _session_key: str | None

    def __init__(self, session_key: str | None = None) -> None:
        self.ip = _NOWHERE
        self._kept: dict[str, str] = {}
        super().__init__(session_key)

    def exists(self, session_key: str) -> bool:
        return _ask("GET", "/current", session_key) is not None

    def load(self) -> dict[str, Any]:
        session = _ask("GET", "/current", self.session_key)
        if session is None:
            self._session_key = None
        # Django's values may be lists and objects: each is kept as a text.
        self._kept = session["data"] if session else {}
        return {name: json.loads(text) for name, text in self._kept.items()}

    def create(self) -> None:
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        values = self._get_session(no_load=must_create)
        data = {name: json.dumps(value) for name, value in values.items()}
        if must_create or self.session_key is None:
            self._session_key = self._begin(data)
        else:
            # Only what this request has changed: what another one has saved meanwhile stays.
            removed = dict.fromkeys(self._kept.keys() - data.keys())
            changed = dict(data.items() - self._kept.items())
            session = _ask("PATCH", "/current/data", self.session_key, {**removed, **changed})
            if session is None:
                raise UpdateError
            if data.get(_EXPIRY) != self._kept.get(_EXPIRY):
                self._replace(session["data"])
        self._kept = data

    def clear(self) -> None:
        # What is to be removed must be known.
        self._get_session()
        super().clear()

    async def aflush(self) -> None:
        # For `clear` would read it here and now, in the event loop.
        await self._aget_session()
        await super().aflush()

    def delete(self, session_key: str | None = None) -> None:
        _ask("DELETE", "/current", session_key or self.session_key)

    @classmethod
    def clear_expired(cls) -> None:
        """There is nothing to clear: Keyward forgets what is over."""

    @classmethod
    async def aclear_expired(cls) -> None:
        cls.clear_expired()

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(_TOKEN.fullmatch(key or ""))

    def _replace(self, data: dict[str, str]) -> None:
        """By one with another life, which is said when a session begins. One that has ended meanwhile stays so."""
        before, begun = self.session_key, self._begin(data)
        ended = _ask("DELETE", "/current", before)
        if ended is None or ended["ended"] == 0:
            self.delete(begun)
            raise UpdateError
        self._session_key = begun

    def _begin(self, data: dict[str, str]) -> str:
        wanted = {
            "user": str(self.get(SESSION_KEY, "anonymous")),
            "ip": self.ip,
            "ttl": max(_SHORTEST_LIFE, int(self.get_expiry_age())),
            # A moment at which it ends is one whatever happens until then.
            "sliding": not isinstance(self.get(_EXPIRY), str),
            "data": data,
        }
        session = _ask("POST", "", None, wanted)
        if session is None:
            raise Refused("Keyward has no such app")
        return str(session["token"])


@receiver(user_logged_in)
def begin_anew(request: Any, **_: object) -> None:
    """Only at the sign-in it is known whose session it is; a token from before is worth nothing after it."""
    if isinstance(request.session, SessionStore):
        request.session.ip = _address(request.META.get("REMOTE_ADDR", ""))
        request.session.cycle_key()


def _address(said: str) -> str:
    """A server that listens on a socket of Unix, or believes a proxy, may say anything."""
    try:
        return str(ip_address(said.partition("%")[0]))
    except ValueError:
        return _NOWHERE


def _ask(method: str, path: str, token: str | None, body: object = None) -> dict[str, Any] | None:
    """Keyward's answer; `None` where there is no such session. Raises `Away`, after which nobody is signed out."""
    if path and not _TOKEN.fullmatch(token or ""):
        # A cookie may hold anything; only what can be a token is put into a header.
        return None
    connections, credential = _keyward()
    headers = [("authorization", credential)]
    if token:
        headers.append(("keyward-session", token))
    if body is not None:
        headers.append(("content-type", "application/json"))
    sent = None if body is None else json.dumps(body).encode()
    try:
        answer = connections.ask(method, path, headers, sent)
        if answer.status not in _ANSWERS:
            raise Away(f"{connections.path} answers {answer.status}")
        found: dict[str, Any] = json.loads(answer.body)
    except (Away, ValueError) as error:
        _trouble.note(error)
        raise Away(str(error)) from error
    _trouble.over()
    if answer.status in (400, 413):
        raise Refused(found.get("detail"))
    return None if answer.status == 404 else found


@cache
def _keyward() -> tuple[Connections, str]:
    settings = said()
    if not (settings.get("APP") and settings.get("SECRET")):
        raise ImproperlyConfigured("the setting KEYWARD needs APP and SECRET for sessions")
    address = Address.of(f"{settings['URL'].rstrip('/')}/v1/apps/{settings['APP']}/sessions")
    connections = Connections(address, settings.get("TIMEOUT", 5.0), settings.get("TLS"))
    return connections, basic(settings["APP"], settings["SECRET"])
