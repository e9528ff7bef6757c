"""Keyward in front of an ASGI app: Starlette, FastAPI, Litestar, Quart, Django under ASGI.

An open WebSocket or event stream of an identity that ends is closed here, at once; the app sees it as a client that
has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import timedelta
from typing import Any

from .demand import ANYBODY, Demand
from .identity import Identity
from .refusal import Refusal
from .request import Request
from .verifier import AsyncVerifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

POLICY_VIOLATION = 1008
"""The WebSocket close code of a session that has ended (RFC 6455 section 7.4.1)."""
_KEY = "keyward"


class Middleware:
    """Lets nobody in whom Keyward does not, if `everywhere`; else what is behind it asks (`keyward.fastapi`)."""

    def __init__(
        self,
        app: App,
        verifier: AsyncVerifier,
        *,
        role: str | Iterable[str] | None = None,
        acr: str | None = None,
        max_age: int | timedelta | None = None,
        everywhere: bool = True,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._demand = Demand(role, acr, max_age) if everywhere else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        exchange = Exchange(scope, send, self._verifier)
        try:
            if self._demand and isinstance(refusal := await exchange.identify(self._demand), Refusal):
                return await exchange.refuse(refusal)
            await self._app(exchange.scope, receive, exchange.send)
        finally:
            exchange.forget()


class Exchange:
    """One request, or one WebSocket, and its answer."""

    def __init__(self, scope: Scope, send: Send, verifier: AsyncVerifier) -> None:
        # Who asks is Keyward's to say: a header that says it is from outside, and the app never sees it.
        self.scope = {**scope, "headers": without_identity(scope["headers"]), _KEY: self}
        self.identity: Identity | None = None
        self._send = send
        self._verifier = verifier
        self._ended = False
        self._is_open = False
        self._forget: Callable[[], None] | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """That of a scope that came through the middleware."""
        found = scope.get(_KEY)
        if not isinstance(found, Exchange):
            raise RuntimeError("keyward.asgi.Middleware (keyward.fastapi.install) is not in front of this app")
        return found

    async def identify(self, demand: Demand = ANYBODY) -> Identity | Refusal:
        found = await self._verifier.verify(_request(self.scope), demand)
        if isinstance(found, Identity):
            self.identity = found
        return found

    async def refuse(self, refusal: Refusal) -> None:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
        headers.append((b"content-length", str(len(refusal.body)).encode()))
        kind = "http.response"
        if self.scope["type"] == "websocket":
            if "websocket.http.response" not in self.scope.get("extensions", {}):
                return await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
            kind = "websocket.http.response"
        await self._send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
        await self._send({"type": f"{kind}.body", "body": refusal.body})

    async def send(self, message: Message) -> None:
        if self._ended:
            raise OSError("the session has ended")
        kind = message["type"]
        if kind == "http.response.start" and self.identity:
            message = {**message, "headers": for_one_user(list(message.get("headers", [])))}
        await self._send(message)
        if kind == "websocket.accept" or (kind == "http.response.start" and _is_event_stream(message)):
            self._open()
        elif kind == "websocket.close" or (kind == "http.response.body" and not message.get("more_body")):
            self._is_open = False

    def forget(self) -> None:
        if self._forget:
            self._forget()

    def _open(self) -> None:
        """From now on, the end of the session is the end of this answer."""
        self._is_open = True
        if self.identity and self.identity.can_end:
            loop = asyncio.get_running_loop()
            self._forget = self.identity.on_end(lambda _: _in_loop(loop, self._end))

    def _end(self) -> None:
        if self._is_open and not self._ended:
            self._ended = True
            self._closing = asyncio.ensure_future(self._close())

    async def _close(self) -> None:
        if self.scope["type"] == "websocket":
            last = {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "the session has ended"}
        else:
            last = {"type": "http.response.body", "body": b"", "more_body": False}
        try:
            await self._send(last)
        except Exception:  # The client was faster, or the server: what is to be closed is closed.
            pass


def identity(scope: Scope) -> Identity:
    """Who asks, behind the middleware."""
    if (found := Exchange.of(scope).identity) is None:
        raise RuntimeError("nobody was asked for an identity here")
    return found


def without_identity(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers without those that say who asks, underscores included."""
    return [
        (name, value) for name, value in headers if not name.lower().replace(b"_", b"-").startswith(b"x-auth-")
    ]


def for_one_user(headers: Headers) -> Headers:
    """An answer for one user, which no cache gives to another: `no-store`, unless the app says what to do with it."""
    names = {name.lower() for name, _ in headers}
    if b"cache-control" not in names:
        headers.append((b"cache-control", b"no-store"))
    headers.append((b"vary", b"authorization, cookie"))
    return headers


def _request(scope: Scope) -> Request:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    client = scope.get("client")
    method = "CONNECT" if scope["type"] == "websocket" else scope["method"]
    return Request.of(method, headers, client[0] if client else None)


def _is_event_stream(message: Message) -> bool:
    headers = message.get("headers", [])
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"text/event-stream") for name, value in headers
    )


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
