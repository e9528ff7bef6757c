"""The code of the README, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from servers import AppServer, Keyward, bearer
from websockets.sync.client import connect

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = dict(re.findall(r"```python\n# ([^\n]+)\n(.*?)```", README, re.DOTALL))
SETTINGS = "\n".join(re.findall(r"```python\n# in settings.py\n(.*?)```", README, re.DOTALL))
URLS = """
from django.urls import path
from views import admin, welcome
urlpatterns = [path("open", welcome), path("admin", admin)]
"""

Started = Callable[..., AppServer]


def write(folder: Path) -> None:
    for name, code in BLOCKS.items():
        if name.endswith(".py") and " " not in name:
            (folder / name).write_text(code)


@pytest.fixture
def started(keyward: Keyward, tmp_path: Path) -> Iterator[Started]:
    running: list[AppServer] = []

    def start(*command: str) -> AppServer:
        write(tmp_path)
        app = AppServer(keyward, list(command), "", cwd=tmp_path)
        running.append(app)
        return app

    yield start
    for app in running:
        app.stop()


def test_fastapi(started: Started, keyward: Keyward) -> None:
    app = started("-m", "uvicorn", "api:app", "--port", "PORT")
    anna, ada = (keyward.sign_in(name)["access_token"] for name in ("anna", "ada"))
    assert app.get("/me", anna).json()["name"] == "anna"
    assert [app.get("/admin", token).status_code for token in (anna, ada, None)] == [403, 200, 401]


def test_the_test_of_an_app(tmp_path: Path) -> None:
    write(tmp_path)
    environment = {**os.environ, "KEYWARD_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_api.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_a_websocket(started: Started, keyward: Keyward) -> None:
    app = started("-m", "uvicorn", "live:app", "--port", "PORT")
    signed_in = keyward.sign_in("anna", "session")
    cookies = {"cookie": f"keyward-session={signed_in['cookies']['keyward-session']}", "origin": "https://app.test"}
    with connect(app.url.replace("http", "ws") + "/echo", additional_headers=cookies) as socket:
        socket.send("hello")
        assert str(socket.recv(timeout=30)).endswith(": hello")


def test_flask(started: Started, keyward: Keyward) -> None:
    app = started("-m", "flask", "--app", "shop", "run", "--port", "PORT")
    assert app.get("/me", keyward.sign_in("anna")["access_token"]).json()["user"]
    assert app.get("/me").status_code == 401


def test_wsgi(started: Started, keyward: Keyward) -> None:
    serve = "import sys, whole; from werkzeug.serving import run_simple; run_simple('127.0.0.1', PORT, whole.app)"
    app = started("-c", serve)
    assert app.get("/", keyward.sign_in("ada")["access_token"]).text
    assert app.get("/", keyward.sign_in("anna")["access_token"]).status_code == 403


def test_django(started: Started, keyward: Keyward, tmp_path: Path) -> None:
    settings = f"""
import os
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SECRET_KEY, ROOT_URLCONF, ALLOWED_HOSTS, DEBUG = "tests", "urls", ["127.0.0.1"], False
{SETTINGS.replace("https://auth.example.com", keyward.url).replace('"shop"', '"api"')}
"""
    (tmp_path / "settings.py").write_text(settings)
    (tmp_path / "urls.py").write_text(URLS)
    app = started("-m", "django", "runserver", "--noreload", "--settings", "settings", "127.0.0.1:PORT")
    assert app.get("/open").json() == {"hello": "everybody"}
    assert app.get("/admin", keyward.sign_in("ada")["access_token"]).status_code == 200
    assert app.get("/admin").status_code == 401


def test_a_feed_that_ends(started: Started, keyward: Keyward) -> None:
    app = started("-m", "uvicorn", "feed:app", "--port", "PORT")
    token = keyward.sign_in("anna")["access_token"]
    with httpx.stream("GET", f"{app.url}/feed", headers=bearer(token), timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "0"
        keyward.sign_out(token)
        assert len(list(lines)) < 10_000


def test_a_local_verifier(keyward: Keyward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYWARD_URL", keyward.url)
    monkeypatch.setenv("KEYWARD_SECRET", keyward.secret)
    found: dict[str, object] = {}
    exec(BLOCKS["local.py"], found)
    found["verifier"].close()  # type: ignore[attr-defined]
