"""Keyward in FastAPI: `install` it once, then ask for who is `SignedIn` where that is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from .asgi import POLICY_VIOLATION, Exchange, Middleware
from .demand import Demand
from .identity import Identity
from .refusal import Refusal
from .verifier import AsyncVerifier

__all__ = ["Refused", "SignedIn", "install", "requires"]


class Refused(HTTPException):
    """Somebody is not let in; it becomes the answer that `refusal` is.

    In an app that is mounted in the one that this is installed in, it is what FastAPI makes of an `HTTPException`.
    """

    def __init__(self, refusal: Refusal) -> None:
        headers = {name: value for name, value in refusal.headers.items() if name != "content-type"}
        super().__init__(refusal.status, refusal.code, headers)
        self.refusal = refusal


def install(app: FastAPI, verifier: AsyncVerifier | str) -> None:
    """Nothing is refused by this alone: what `requires` an identity is. Keyward's address will do as a verifier."""
    if isinstance(verifier, str):
        verifier = AsyncVerifier(verifier)
    app.add_middleware(Middleware, verifier=verifier, everywhere=False)
    handler: Any = _answer  # Of both requests and WebSockets, for which Starlette has one type each.
    app.add_exception_handler(Refused, handler)


class _Brackets:
    """FastAPI asks for its schema where `requires` itself is taken for a dependency, which would let everybody in."""

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> Any:
        raise TypeError("Depends(requires) would let everybody in: it is Depends(requires())")


def requires(
    role: str | Iterable[str] | None = None,
    acr: str | None = None,
    max_age: int | timedelta | None = None,
    *,
    _: _Brackets | None = None,
) -> Callable[[HTTPConnection], Awaitable[Identity]]:
    """A dependency, of paths and of WebSockets: `Admin = Annotated[Identity, Depends(requires(role="admin"))]`."""
    return _identified(Demand(role, acr, max_age))


@cache
def _identified(demand: Demand) -> Callable[[HTTPConnection], Awaitable[Identity]]:
    """One for one demand, so that FastAPI knows the dependency again, and asks once for a request."""

    async def identity(connection: HTTPConnection) -> Identity:
        found = await Exchange.of(connection.scope).identify(demand)
        if isinstance(found, Refusal):
            raise Refused(found)
        return found

    return identity


SignedIn = Annotated[Identity, Depends(requires())]
"""Whoever is signed in, in whatever way: `async def me(identity: SignedIn)`."""


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
