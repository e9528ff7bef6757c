"""Says of a request who asks, or what to answer instead: by Keyward's check, or by verifying access tokens here.

Each process has its own connections and its own stream: a server that forks its workers needs no care.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import ssl
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import question, refusal
from .async_connections import AsyncConnections
from .connections import Connections
from .demand import ANYBODY, Demand
from .identity import Identity
from .refusal import Refusal
from .request import Request
from .revocations import Revocations, elapsed
from .stream import Stream, basic
from .trouble import Trouble
from .wire import Address, Answer, Away

if TYPE_CHECKING:
    from .tokens import Tokens


@dataclass(frozen=True)
class _Settings:
    url: str
    app: str | None
    secret: str | None
    local: bool
    issuer: str
    audience: str
    timeout: float
    tls: ssl.SSLContext | None


class _Here:
    """What belongs to one process."""

    def __init__(self, settings: _Settings) -> None:
        self.until = elapsed() + settings.timeout
        self.revocations: Revocations | None = None
        self.stream: Stream | None = None
        self.tokens: Tokens | None = None
        address = Address.of(settings.url)
        if settings.app and settings.secret:
            self.revocations = Revocations()
            credential = basic(settings.app, settings.secret)
            self.stream = Stream(address, credential, self.revocations, settings.tls)
        if settings.local and self.revocations:
            self.tokens = _tokens(settings, address, self.revocations)

    def patience(self, timeout: float) -> float:
        """How long a request waits for keys or, in the first moments of the process, for the stream."""
        is_new = self.revocations is not None and not self.revocations.first_status.done()
        return max(0.0, self.until - elapsed()) if is_new else timeout


def _tokens(settings: _Settings, address: Address, revocations: Revocations) -> Tokens:
    try:
        from .keys import PATH, Keys
        from .tokens import Tokens
    except ImportError as error:
        raise ImportError("local=True needs PyJWT and cryptography: pip install 'keyward[local]'") from error
    connections = Connections(address, settings.timeout, settings.tls)
    keys = Keys(lambda: connections.ask("GET", PATH, []))
    return Tokens(keys, revocations, settings.issuer, settings.audience)


class _Either:
    """What both verifiers have in common."""

    def __init__(
        self,
        url: str,
        *,
        app: str | None = None,
        secret: str | None = None,
        local: bool = False,
        check_url: str | None = None,
        issuer: str | None = None,
        audience: str = "keyward",
        timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`url` is Keyward's `server.public_url`, or where else it is reached, with `issuer` its public URL then.

        `app` and `secret` are those of a confidential app: with them identities end with their sessions. `local`
        verifies access tokens here; who comes with a session cookie is asked about all the same. `check_url` is
        where the check is, if it has a listener of its own. `timeout` is in seconds, for a check as a whole.
        """
        if local and not (app and secret):
            raise ValueError("local=True needs app and secret: without the stream nobody knows what is revoked")
        issuer = url.rstrip("/") if issuer is None else issuer
        self._settings = _Settings(url, app, secret, local, issuer, audience, timeout, tls)
        self._check = Address.of((check_url or url).removesuffix("/v1/check"))
        self._trouble = Trouble("the check")
        self._process: _Here | None = _Here(self._settings)
        self._beginning = threading.Lock()
        self._open()
        _verifiers.add(self)

    def _open(self) -> None:
        raise NotImplementedError

    def _here(self) -> _Here:
        if (here := self._process) is None:
            with self._beginning:
                here = self._process = self._process or _Here(self._settings)
        return here

    def _begin_anew(self) -> None:
        """What belongs to one process is not for its child, which makes its own once it needs it."""
        self._process = None
        self._beginning = threading.Lock()

    def _at_once(self, here: _Here, request: Request) -> Refusal | None:
        """What can be said without asking anybody."""
        if not request.is_readable or (here.tokens and request.bearer == ""):
            return refusal.malformed()
        if here.tokens and request.bearer is None and not request.has_session_cookie:
            return refusal.missing()
        return None

    def _read(self, answer: Answer, request: Request, here: _Here) -> Identity | Refusal:
        found = question.read(answer, request, here.revocations)
        self._trouble.over()
        return found

    def _unavailable(self, away: Away) -> Refusal:
        self._trouble.note(away)
        return refusal.unavailable()

    def _end(self) -> None:
        if self._process and self._process.stream:
            self._process.stream.close()


_verifiers: weakref.WeakSet[_Either] = weakref.WeakSet()


def _in_child() -> None:
    for verifier in _verifiers:
        verifier._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class Verifier(_Either):
    """For threads."""

    def _open(self) -> None:
        self._connections = Connections(self._check, self._settings.timeout, self._settings.tls)

    def verify(self, request: Request, demand: Demand = ANYBODY) -> Identity | Refusal:
        here = self._here()
        if refused := self._at_once(here, request):
            return refused
        if here.tokens and (token := request.bearer):
            waits = here.tokens.wanted_for(token)
            if waits and (patience := here.patience(self._settings.timeout)):
                concurrent.futures.wait(waits, patience)
            return here.tokens.judge(token, demand)
        try:
            answer = self._connections.ask("GET", question.path_of(demand), question.headers_of(request))
            return self._read(answer, request, here)
        except Away as away:
            return self._unavailable(away)

    def close(self) -> None:
        """Ends the stream and the connections."""
        self._end()
        self._connections.close()


class AsyncVerifier(_Either):
    """For an event loop of asyncio, which it never blocks."""

    def _open(self) -> None:
        self._connections = AsyncConnections(self._check, self._settings.timeout, self._settings.tls)

    async def verify(self, request: Request, demand: Demand = ANYBODY) -> Identity | Refusal:
        here = self._here()
        if refused := self._at_once(here, request):
            return refused
        if here.tokens and (token := request.bearer):
            waits = here.tokens.wanted_for(token)
            if waits and (patience := here.patience(self._settings.timeout)):
                await asyncio.wait([asyncio.wrap_future(wait) for wait in waits], timeout=patience)
            return here.tokens.judge(token, demand)
        try:
            ask = self._connections.ask
            answer = await ask("GET", question.path_of(demand), question.headers_of(request))
            return self._read(answer, request, here)
        except Away as away:
            return self._unavailable(away)

    def close(self) -> None:
        """Ends the stream and the connections."""
        self._end()
        self._connections.close()
