"""Lets nobody into a view whom Keyward does not, under WSGI and under ASGI."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from .. import refusal
from ..asgi import without_identity
from ..demand import ANYBODY, Demand
from ..identity import Identity
from ..refusal import Refusal
from ..wire import Away
from ..wsgi import EVENT_STREAM, for_one_user, request_of
from .configured import async_verifier, said, verifier

View = TypeVar("View", bound=Callable[..., Any])


class Middleware:
    """Each view requires an identity, unless it is `public`, or the setting says `"EVERYWHERE": False`."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._everywhere = said().get("EVERYWHERE", True)
        self._is_async = iscoroutinefunction(get_response)
        self.process_view: Callable[..., Any] = self._process_view
        if self._is_async:
            markcoroutinefunction(self)
            self.process_view = self._process_view_async

    def __call__(self, request: HttpRequest) -> Any:
        _forget_who_asks(request)
        if self._is_async:
            return self._answer_async(request)
        return _finished(request, self._get_response(request))

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        return _finished(request, await self._get_response(request))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A session that cannot be read or kept now is nobody's fault here, and signs nobody out."""
        return _spoken(refusal.unavailable()) if isinstance(error, Away) else None

    def _demand(self, view: Callable[..., Any]) -> Demand | None:
        demand: Demand | None = getattr(view, "keyward_demand", ANYBODY if self._everywhere else None)
        return demand

    def _process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponse | None:
        demand = self._demand(view)
        return _take(request, demand, verifier().verify(request_of(request.META), demand)) if demand else None

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponse | None:
        if not (demand := self._demand(view)):
            return None
        return _take(request, demand, await async_verifier().verify(request_of(request.META), demand))


def requires(
    role: str | Iterable[str] | None = None,
    acr: str | None = None,
    max_age: int | timedelta | None = None,
) -> Callable[[View], View]:
    """For a view, or by `method_decorator` for a class's `dispatch`; holds whatever other decorators are around it."""
    demand = Demand(role, acr, max_age)

    def guard(view: View) -> View:
        guarded: Any = _guarded_async(view, demand) if iscoroutinefunction(view) else _guarded(view, demand)
        guarded.keyward_demand = demand
        found: View = guarded
        return found

    return guard


def public(view: View) -> View:
    """A view for everybody."""

    @wraps(view)
    def opened(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    open_view: Any = markcoroutinefunction(opened) if iscoroutinefunction(view) else opened
    open_view.keyward_demand = None
    found: View = open_view
    return found


def identity(request: HttpRequest) -> Identity:
    """Who asks, in a view that is not for everybody."""
    found = getattr(request, "keyward", None)
    if not isinstance(found, Identity):
        raise RuntimeError("this view does not require an identity, or keyward.django.Middleware is not in MIDDLEWARE")
    return found


def _guarded(view: Callable[..., Any], demand: Demand) -> Callable[..., Any]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # The middleware has seen to it, unless a decorator hid from it what this view asks for.
        if getattr(request, "keyward_met", None) != demand:
            found = verifier().verify(request_of(request.META), demand)
            if refused := _take(request, demand, found):
                return refused
        return view(request, *args, **kwargs)

    return guarded


def _guarded_async(view: Callable[..., Awaitable[Any]], demand: Demand) -> Callable[..., Any]:
    @wraps(view)
    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if getattr(request, "keyward_met", None) != demand:
            found = await async_verifier().verify(request_of(request.META), demand)
            if refused := _take(request, demand, found):
                return refused
        return await view(request, *args, **kwargs)

    return guarded


def _take(request: Any, demand: Demand, found: Identity | Refusal) -> HttpResponse | None:
    if isinstance(found, Refusal):
        return _spoken(found)
    request.keyward, request.keyward_met = found, demand
    return None


def _spoken(refused: Refusal) -> HttpResponse:
    return HttpResponse(refused.body, status=refused.status, headers=dict(refused.headers))


def _forget_who_asks(request: Any) -> None:
    """Who asks is Keyward's to say: a header that says it is from outside, and no view sees it."""
    request.keyward = request.keyward_met = None
    request.keyward_is_away = False
    for name in [name for name in request.META if name.startswith("HTTP_X_AUTH_")]:
        del request.META[name]
    request.__dict__.pop("headers", None)
    if hasattr(request, "scope"):
        request.scope = {**request.scope, "headers": without_identity(request.scope["headers"])}


@receiver(got_request_exception)
def _note_away(request: Any = None, **_: object) -> None:
    """Other middleware saves sessions and reads them, and what fails there is a 500 before anybody can catch it."""
    if request is not None and isinstance(sys.exc_info()[1], Away):
        request.keyward_is_away = True


def _finished(request: Any, response: HttpResponse) -> HttpResponse:
    if request.keyward_is_away and response.status_code == 500:
        return _spoken(refusal.unavailable())
    found: Identity | None = request.keyward
    if found is None:
        return response
    if found.can_end and response.streaming and response.get("Content-Type", "").lower().startswith(EVENT_STREAM):
        _end_with(found, response)
    return _for_one_user(response)


def _end_with(found: Identity, response: Any) -> None:
    """The stream is closed when the session ends; one of no async view as soon as it gives its next part."""
    parts = response.streaming_content
    response.streaming_content = found.until_ended(parts) if response.is_async else _until_ended(found, parts)


def _until_ended(found: Identity, parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        if found.ended.is_set():
            return
        yield part


def _for_one_user(response: HttpResponse) -> HttpResponse:
    said_by_app = list(response.items())
    for name, value in for_one_user(said_by_app)[len(said_by_app) :]:
        before = response.get(name)
        response[name] = f"{before}, {value}" if before else value
    return response
