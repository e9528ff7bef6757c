"""A whole Django project, with accounts and a page that counts visits. Its sessions are kept by the
engine of docs/sessions.md, which is in the folder it runs in. The argument is its port."""

import json
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse
from django.urls import path

sys.path.insert(0, os.getcwd())
settings.configure(
    SESSION_ENGINE="keyward_django",
    SESSION_COOKIE_NAME="sid",
    SECRET_KEY="of the tests alone",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="__main__",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "accounts.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth import login, logout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

import keyward_sessions  # noqa: E402


def sign_in(request):
    user, _ = User.objects.get_or_create(username=json.loads(request.body)["user"])
    logout(request)
    login(request, user)
    return HttpResponse(status=204)


def visits(request):
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    # A list, so that more than texts and numbers is kept.
    request.session["visits"] = [*request.session.get("visits", []), "one more"]
    return JsonResponse({"user": request.user.username, "visits": len(request.session["visits"])})


def late(request):
    username = request.user.username
    # As if another request signed out while this one is under way.
    keyward_sessions.end(request.session.session_key)
    request.session["visits"] = [username]
    return HttpResponse(status=204)


def sign_out(request):
    logout(request)
    return HttpResponse(status=204)


urlpatterns = [path("", visits), path("sign-in", sign_in), path("late", late), path("sign-out", sign_out)]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", f"127.0.0.1:{sys.argv[1]}", use_reloader=False)
