"""A whole Django project under WSGI (`runserver`) and ASGI (`asgi`): views that require an identity, and accounts of its
own whose sessions Keyward keeps."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command, execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from verifying import OPTIONS, URL, who

settings.configure(
    SESSION_ENGINE="keyward.django.sessions",
    KEYWARD={"URL": URL, **{name.upper(): value for name, value in OPTIONS.items()}},
    SECRET_KEY="of the tests alone",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    USE_TZ=True,
    MIDDLEWARE=[
        "keyward.django.Middleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{os.getpid()}.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth import alogout, login, logout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

from keyward.django import identity, public, requires  # noqa: E402


@public
def open_to_all(request: HttpRequest) -> HttpResponse:
    return JsonResponse({})


def me(request: HttpRequest) -> HttpResponse:
    return JsonResponse(who(identity(request), [*request.headers, *request.META]))


def clumsy(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A decorator that hides what it decorates."""
    return lambda request: view(request)


@requires(role="admin")
async def admin(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@clumsy
@requires(role="admin")
def hidden(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@requires(acr="2")
def payments(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@requires(max_age=0)
def recent(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def cached(request: HttpRequest) -> HttpResponse:
    return HttpResponse(headers={"Cache-Control": "max-age=60", "Vary": "accept"})


async def events(request: HttpRequest) -> StreamingHttpResponse:
    async def ticks() -> AsyncIterator[str]:
        yield "data: tick\n\n"
        await asyncio.sleep(3600)

    return StreamingHttpResponse(ticks(), content_type="text/event-stream")


def events_of_threads(request: HttpRequest) -> StreamingHttpResponse:
    def ticks() -> Iterator[str]:
        while True:
            yield "data: tick\n\n"
            time.sleep(0.02)

    return StreamingHttpResponse(ticks(), content_type="text/event-stream; charset=utf-8")


@public
def sign_in(request: HttpRequest) -> HttpResponse:
    user, _ = User.objects.get_or_create(username=json.loads(request.body)["user"])
    login(request, user)
    return HttpResponse(status=204)


@public
def remember(request: HttpRequest) -> HttpResponse:
    """Gives the session another life, in seconds or until a moment, after it has waited to be told to go on."""
    request.session.get("anything")
    if until := request.GET.get("after"):
        wait_for(until)
    seconds = int(request.GET["seconds"])
    is_moment = "moment" in request.GET
    request.session.set_expiry(timezone.now() + timedelta(seconds=seconds) if is_moment else seconds)
    return HttpResponse(status=204)


def wait_for(name: str) -> None:
    open(f"waits-{name}", "w").close()
    while not os.path.exists(f"go-{name}"):
        time.sleep(0.01)


@public
def visits(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    # A list, so that more than texts and numbers is kept.
    request.session["visits"] = [*request.session.get("visits", []), "one more"]
    return JsonResponse({"user": request.user.username, "visits": len(request.session["visits"])})


@public
def note(request: HttpRequest) -> HttpResponse:
    """Keeps what the query says under names of its own, after it has waited for another request to do so too."""
    request.session.get("anything")
    if other := request.GET.get("meet"):
        meet(other)
    request.session.update({name: value for name, value in request.GET.items() if name != "meet"})
    return HttpResponse(status=204)


@public
async def note_async(request: HttpRequest) -> HttpResponse:
    await request.session.aset("a", "1")
    return HttpResponse(status=204)


@public
def notes(request: HttpRequest) -> HttpResponse:
    return JsonResponse({name: request.session[name] for name in request.session.keys() if name in ("a", "b")})


def meet(other: str) -> None:
    open(f"met-{other}-{id(object())}-{time.monotonic_ns()}", "w").close()
    while len([name for name in os.listdir() if name.startswith(f"met-{other}-")]) < 2:
        time.sleep(0.01)


@public
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse(status=204)


@public
async def sign_out_async(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return HttpResponse(status=204)


urlpatterns = [
    path(view.__name__.replace("_", "-") if view is not open_to_all else "open", view)
    for view in (
        open_to_all, me, admin, payments, recent, cached, events, events_of_threads, sign_in, remember, visits, note,
        note_async, notes, sign_out, sign_out_async,
    )
] + [path("hidden", hidden)]

call_command("migrate", verbosity=0)
asgi = get_asgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
