"""Keyward in FastAPI: `install` it once, then ask for an `Identity` where one is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from .asgi import POLICY_VIOLATION, Exchange, Middleware
from .demand import Demand
from .identity import Identity
from .refusal import Refusal
from .verifier import AsyncVerifier

__all__ = ["Refused", "install", "requires"]


class Refused(Exception):
    """Somebody is not let in; it becomes the answer that `refusal` is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def install(app: FastAPI, verifier: AsyncVerifier) -> None:
    """Nothing is refused by this alone: what `requires` an identity is."""
    app.add_middleware(Middleware, verifier=verifier, everywhere=False)
    handler: Any = _answer  # Of both requests and WebSockets, for which Starlette has one type each.
    app.add_exception_handler(Refused, handler)


def requires(
    role: str | Iterable[str] | None = None,
    acr: str | None = None,
    max_age: int | timedelta | None = None,
) -> Callable[[HTTPConnection], Awaitable[Identity]]:
    """A dependency, of paths and of WebSockets: `identity: Identity = Depends(requires(role="admin"))`."""
    demand = Demand(role, acr, max_age)

    async def identity(connection: HTTPConnection) -> Identity:
        found = await Exchange.of(connection.scope).identify(demand)
        if isinstance(found, Refusal):
            raise Refused(found)
        return found

    return identity


async def _answer(connection: HTTPConnection, error: Exception) -> Response | None:
    refusal = error.refusal if isinstance(error, Refused) else None
    if refusal is None:
        raise error
    response = Response(refusal.body, refusal.status, dict(refusal.headers))
    if not isinstance(connection, WebSocket):
        return response
    if "websocket.http.response" in connection.scope.get("extensions", {}):
        await connection.send_denial_response(response)
    else:
        await connection.close(POLICY_VIOLATION)
    return None
