"""Keyward in front of a WSGI app: Flask, Django under WSGI, Pyramid, Bottle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .demand import ANYBODY, Demand
from .identity import Identity
from .refusal import Refusal
from .request import Request
from .verifier import Verifier

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EVENT_STREAM = "text/event-stream"
"""What ends with an identity, parameters such as a charset aside."""
_KEY = "keyward"
_IDENTITY = "HTTP_X_AUTH_"


class Middleware:
    """Lets nobody in whom Keyward does not, if `everywhere`; else what is behind it asks (`keyward.flask`)."""

    def __init__(
        self,
        app: WSGIApplication,
        verifier: Verifier,
        *,
        role: str | Iterable[str] | None = None,
        acr: str | None = None,
        max_age: int | timedelta | None = None,
        everywhere: bool = True,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._demand = Demand(role, acr, max_age) if everywhere else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Who asks is Keyward's to say: a header that says it is from outside, and the app never sees it.
        environ = {name: value for name, value in environ.items() if not name.startswith(_IDENTITY)}
        exchange = Exchange(environ, self._verifier, start_response)
        environ[_KEY] = exchange
        if self._demand and isinstance(refusal := exchange.identify(self._demand), Refusal):
            length = ("Content-Length", str(len(refusal.body)))
            start_response(f"{refusal.status} {refusal.reason}", [*refusal.headers.items(), length])
            # Not every server takes the body out: it would be read as the next answer.
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [refusal.body]
        return exchange.watched(self._app(environ, exchange.start))


class Exchange:
    """One request and its answer."""

    def __init__(self, environ: Mapping[str, Any], verifier: Verifier, start: StartResponse) -> None:
        self.identity: Identity | None = None
        self._request = request_of(environ)
        self._verifier = verifier
        self._start = start
        self.is_event_stream: bool | None = None
        """Not known before the app has started its answer, which a generator does with its first part."""

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Exchange:
        """That of a request that came through the middleware."""
        found = environ.get(_KEY)
        if not isinstance(found, Exchange):
            raise RuntimeError("keyward.wsgi.Middleware (keyward.flask.install) is not in front of this app")
        return found

    def identify(self, demand: Demand = ANYBODY) -> Identity | Refusal:
        found = self._verifier.verify(self._request, demand)
        if isinstance(found, Identity):
            self.identity = found
        return found

    def start(self, status: str, headers: list[tuple[str, str]], /, *more: Any) -> Callable[[bytes], object]:
        kinds = [value for name, value in headers if name.lower() == "content-type"]
        self.is_event_stream = any(kind.lower().startswith(EVENT_STREAM) for kind in kinds)
        return self._start(status, for_one_user(headers) if self.identity else headers, *more)

    def watched(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """An event stream ends with the identity: as soon as the app gives its next part, and without that part."""
        can_end = self.identity is not None and self.identity.can_end
        return _Watched(body, self) if can_end and self.is_event_stream is not False else body


class _Watched:
    def __init__(self, body: Iterable[bytes], exchange: Exchange) -> None:
        self._body = body
        self._parts = iter(body)
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = next(self._parts)
        identity = self._exchange.identity
        if identity and self._exchange.is_event_stream and identity.ended.is_set():
            raise StopIteration
        return part

    def close(self) -> None:
        if close := getattr(self._body, "close", None):
            close()


def identity(environ: Mapping[str, Any]) -> Identity:
    """Who asks, behind the middleware."""
    if (found := Exchange.of(environ).identity) is None:
        raise RuntimeError("nobody was asked for an identity here")
    return found


def request_of(environ: Mapping[str, Any]) -> Request:
    named = (name.removeprefix("HTTP_").replace("_", "-") for name in environ)
    headers = [(name, environ[key]) for key, name in zip(environ, named, strict=True) if key.startswith("HTTP_")]
    return Request.of(environ["REQUEST_METHOD"], headers, environ.get("REMOTE_ADDR"))


def for_one_user(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """An answer for one user, which no cache gives to another: `no-store`, unless the app says what to do with it."""
    names = {name.lower() for name, _ in headers}
    own = [] if "cache-control" in names else [("Cache-Control", "no-store")]
    return [*headers, *own, ("Vary", "Authorization, Cookie")]
