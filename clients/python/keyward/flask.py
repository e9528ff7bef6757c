"""Keyward in Flask: `install` it once, then say which views require an identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue

from . import wsgi
from .demand import Demand
from .identity import Identity
from .refusal import Refusal
from .verifier import Verifier
from .wsgi import Exchange, Middleware

__all__ = ["identity", "install", "requires"]

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]


def install(app: Flask, verifier: Verifier | str) -> None:
    """Nothing is refused by this alone: views that `requires` is on are. Keyward's address will do as a verifier."""
    if isinstance(verifier, str):
        verifier = Verifier(verifier)
    app.wsgi_app = Middleware(app.wsgi_app, verifier, everywhere=False)  # type: ignore[method-assign]


def requires(
    role: str | Iterable[str] | None = None,
    acr: str | None = None,
    max_age: int | timedelta | None = None,
) -> Callable[[View[P]], View[P]]:
    """Below `@app.route`, so that what the route calls is guarded."""
    demand = Demand(role, acr, max_age)

    def guard(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            found = Exchange.of(request.environ).identify(demand)
            if isinstance(found, Refusal):
                return Response(found.body, found.status, list(found.headers.items()))
            answer: ResponseReturnValue = current_app.ensure_sync(view)(*args, **kwargs)
            return answer

        return guarded

    return guard


def identity() -> Identity:
    """Who asks, in a view that `requires` somebody."""
    return wsgi.identity(request.environ)
