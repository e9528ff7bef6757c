"""What the tests share: one Keyward for those that do not stop it, and each app once for each way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from servers import AppServer, Keyward

USERS = {"anna": [], "ada": ["admin"], "bert": [], "carl": [], "zoë": []}
COMMANDS = {
    "fastapi": ["-m", "uvicorn", "fastapi_app:app", "--port", "PORT"],
    "starlette": ["-m", "uvicorn", "starlette_app:app", "--port", "PORT"],
    "wsgi": ["-m", "wsgi_app", "PORT"],
    "flask": ["-m", "flask", "--app", "flask_app", "run", "--port", "PORT"],
    "django": ["-m", "django_app", "runserver", "--noreload", "127.0.0.1:PORT"],
    "django-asgi": ["-m", "uvicorn", "django_app:asgi", "--port", "PORT", "--lifespan", "off"],
}
ASGI = ["fastapi", "starlette", "django-asgi"]
EVERY = list(COMMANDS)
WAYS = ["check", "local"]
SharedApp = Callable[[str, str], AppServer]


@pytest.fixture(scope="session")
def keyward() -> Iterator[Keyward]:
    server = Keyward(USERS)
    yield server
    server.stop()


@pytest.fixture
def own_keyward() -> Iterator[Keyward]:
    """For a test that stops it or changes what others need."""
    server = Keyward(USERS)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_app(keyward: Keyward) -> Iterator[SharedApp]:
    running: dict[tuple[str, str], AppServer] = {}

    def get(name: str, way: str) -> AppServer:
        if (name, way) not in running:
            running[name, way] = AppServer(keyward, COMMANDS[name], way)
        return running[name, way]

    yield get
    for app in running.values():
        app.stop()


@pytest.fixture
def app(request: pytest.FixtureRequest, shared_app: SharedApp) -> AppServer:
    """Parametrized indirectly with the app's name and the way."""
    return shared_app(*request.param)
