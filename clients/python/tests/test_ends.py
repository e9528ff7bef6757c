"""An identity ends with its session: what is open for it is closed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from conftest import WAYS, SharedApp
from servers import AppServer, Keyward, bearer, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

LATEST = 0.1
"""Seconds from the answer to the sign-out; one of some tries must be in time, for a busy machine delays any."""
TRIES = 20
STREAMS = [("fastapi", "/events"), ("fastapi", "/until"), ("starlette", "/events"), ("django-asgi", "/events"),
           ("django", "/events-of-threads"),
           ("wsgi", "/events"), ("flask", "/events")]


@contextmanager
def stream(app: AppServer, path: str, token: str) -> Iterator[Iterator[str]]:
    with httpx.stream("GET", app.url + path, headers=bearer(token), timeout=30) as answer:
        assert answer.status_code == 200
        yield answer.iter_lines()


def seconds_to_end_of_stream(app: AppServer, keyward: Keyward, path: str) -> float:
    token = keyward.sign_in("carl")["access_token"]
    with stream(app, path, token) as lines:
        assert next(lines).startswith("data: ")
        keyward.sign_out(token)
        signed_out = time.monotonic()
        # To its end, as it should be: a connection that breaks would be an error.
        for line in lines:
            assert "never" not in line and time.monotonic() < signed_out + 30
        return time.monotonic() - signed_out


def seconds_to_end_of_socket(app: AppServer, keyward: Keyward) -> float:
    token = keyward.sign_in("carl")["access_token"]
    with connect(app.url.replace("http", "ws") + "/socket", additional_headers=bearer(token)) as socket:
        socket.recv(timeout=30)
        socket.send("still there")
        assert socket.recv(timeout=30) == "still there"
        keyward.sign_out(token)
        signed_out = time.monotonic()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=30)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        return time.monotonic() - signed_out


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "path"), STREAMS)
def test_an_event_stream_of_a_signed_out_user_is_closed_within_100_ms(
    name: str, path: str, way: str, shared_app: SharedApp, keyward: Keyward
) -> None:
    app = shared_app(name, way)
    assert any(seconds_to_end_of_stream(app, keyward, path) < LATEST for _ in range(TRIES))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["fastapi", "starlette"])
def test_a_websocket_of_a_signed_out_user_is_closed_within_100_ms(
    name: str, way: str, shared_app: SharedApp, keyward: Keyward
) -> None:
    app = shared_app(name, way)
    assert any(seconds_to_end_of_socket(app, keyward) < LATEST for _ in range(TRIES))


@pytest.mark.parametrize("name", ["fastapi", "starlette"])
def test_what_is_open_for_others_stays_open(name: str, shared_app: SharedApp, keyward: Keyward) -> None:
    app = shared_app(name, "local")
    tokens = [keyward.sign_in("carl")["access_token"] for _ in range(2)]
    url = app.url.replace("http", "ws") + "/socket"
    with connect(url, additional_headers=bearer(tokens[0])) as first:
        with connect(url, additional_headers=bearer(tokens[1])) as second:
            assert first.recv(timeout=30) == second.recv(timeout=30), "one user, two sessions"
            keyward.sign_out(tokens[0])
            with pytest.raises(ConnectionClosed):
                first.recv(timeout=30)
            second.send("still there")
            assert second.recv(timeout=30) == "still there"


def test_the_app_sees_a_client_that_has_gone(shared_app: SharedApp, keyward: Keyward) -> None:
    app = shared_app("fastapi", "local")
    for _ in range(3):
        seconds_to_end_of_socket(app, keyward)
        seconds_to_end_of_stream(app, keyward, "/events")
    until(lambda: app.get("/open").json()["running"] == 0, "nothing runs on")
    assert "Traceback" not in app.log.read_text()
