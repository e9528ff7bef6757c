"""Keyward is away, stalls, starts again, or is too old to be believed: 503 for as long, and never a wrongful 401."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from conftest import COMMANDS, WAYS
from proxy import Proxy
from servers import AppServer, Keyward, bearer, free_port, until

import keyward as library

FRAMEWORKS = ["fastapi", "wsgi"]
each = pytest.mark.parametrize("name", FRAMEWORKS)
each_way = pytest.mark.parametrize("way", WAYS)
TRUST = 3.0
"""Seconds for which the stream is believed: the shortest."""


@pytest.fixture
def keyward() -> Iterator[Keyward]:
    server = Keyward({"anna": []}, OUTAGE_CHECK="1s")
    yield server
    server.stop()


@pytest.fixture
def started(keyward: Keyward, name: str, way: str) -> Iterator[AppServer]:
    app = AppServer(keyward, COMMANDS[name], way, KEYWARD_TIMEOUT="2")
    yield app
    app.stop()


@each
@each_way
def test_a_keyward_that_stalls_is_503_in_time_and_the_app_goes_on(keyward: Keyward, started: AppServer) -> None:
    token = keyward.sign_in("anna")["access_token"]
    assert started.get("/me", token).status_code == 200
    keyward.pause()
    refused = until(lambda: (found := started.get("/me", token)).status_code != 200 and found, "not let in")
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert refused.headers["retry-after"] == "1"
    waiting = [threading.Thread(target=started.get, args=("/me", token)) for _ in range(5)]
    for thread in waiting:
        thread.start()
    assert started.get("/open").status_code == 200
    for thread in waiting:
        thread.join()
    keyward.resume()
    until(lambda: started.get("/me", token).status_code == 200, "let in again")


@each
@each_way
def test_a_keyward_that_starts_again_signs_nobody_out(keyward: Keyward, started: AppServer) -> None:
    token = keyward.sign_in("anna")["access_token"]
    assert started.get("/me", token).status_code == 200
    seen = set()
    for _ in range(2):
        keyward.process.stop()
        for _ in range(20):
            seen.add(started.get("/me", token).status_code)
        again = threading.Thread(target=keyward.begin)
        again.start()
        while again.is_alive():
            seen.add(started.get("/me", token).status_code)
        until(lambda: started.get("/me", token).status_code == 200, "let in again")
    assert seen <= {200, 503}


@each
@each_way
def test_a_keyward_that_is_not_there_yet_is_503(name: str, way: str, keyward: Keyward) -> None:
    token = keyward.sign_in("anna")["access_token"]
    keyward.process.stop()
    app = AppServer(keyward, COMMANDS[name], way, KEYWARD_TIMEOUT="2")
    try:
        assert app.get("/me", token).status_code == 503
        keyward.begin()
        until(lambda: app.get("/me", token).status_code == 200, "let in")
    finally:
        app.stop()


def test_stale_revocations_let_nobody_in(keyward: Keyward) -> None:
    proxy = Proxy(keyward.port)
    verifier = library.Verifier(proxy.url, app="api", secret=keyward.secret, local=True, issuer=keyward.url)
    signed_in, over = (keyward.sign_in("anna")["access_token"] for _ in range(2))
    good, revoked = (library.Request.of("GET", bearer(token).items()) for token in (signed_in, over))
    identity = verifier.verify(good)
    assert isinstance(identity, library.Identity)
    ends: list[str] = []
    identity.on_end(ends.append)
    keyward.sign_out(over)
    until(lambda: isinstance(verifier.verify(revoked), library.Refusal), "the sign-out is known")
    keyward.pause()
    stale = until(lambda: isinstance(found := verifier.verify(good), library.Refusal) and found, "it is stale")
    assert (stale.status, stale.code) == (503, "store_unavailable")
    known = verifier.verify(revoked)
    assert isinstance(known, library.Refusal) and known.code == "token_revoked", "what is known stays so"
    until(lambda: ends == ["stale"], "what is open ends")
    keyward.resume()
    until(lambda: isinstance(verifier.verify(good), library.Identity), "it is followed again")
    verifier.close()
    proxy.stop()


def test_a_stream_that_is_cut_misses_no_sign_out(keyward: Keyward) -> None:
    proxy = Proxy(keyward.port)
    verifier = library.Verifier(proxy.url, app="api", secret=keyward.secret, local=True, issuer=keyward.url)
    for _ in range(5):
        token = keyward.sign_in("anna")["access_token"]
        request = library.Request.of("GET", bearer(token).items())
        identity = until(lambda: isinstance(found := verifier.verify(request), library.Identity) and found, "in")
        ends: list[str] = []
        identity.on_end(ends.append)
        proxy.cut()
        keyward.sign_out(token)
        until(lambda: ends == ["logout"], "its end is told")
        found = verifier.verify(request)
        assert isinstance(found, library.Refusal) and found.code == "token_revoked"
    assert any("last-event-id" in head.lower() for head in proxy.heads if "/v1/revocations" in head)
    verifier.close()
    proxy.stop()


def test_a_wrong_secret_lets_nobody_in(keyward: Keyward) -> None:
    verifier = library.Verifier(keyward.url, app="api", secret="wrong", local=True, timeout=0.5)
    request = library.Request.of("GET", bearer(keyward.sign_in("anna")["access_token"]).items())
    found = verifier.verify(request)
    assert isinstance(found, library.Refusal) and found.status == 503
    verifier.close()


def test_connections_that_were_closed_meanwhile_are_no_outage(keyward: Keyward) -> None:
    proxy = Proxy(keyward.port)
    verifier = library.Verifier(proxy.url)
    request = library.Request.of("GET", bearer(keyward.sign_in("anna")["access_token"]).items())
    for _ in range(20):
        assert isinstance(verifier.verify(request), library.Identity)
    assert proxy.connections == 1, "one serves all"
    proxy.cut()
    assert isinstance(verifier.verify(request), library.Identity)
    proxy.stop()


def test_what_is_wrong_is_logged_once_without_a_secret(
    keyward: Keyward, caplog: pytest.LogCaptureFixture
) -> None:
    token = keyward.sign_in("anna")["access_token"]
    request = library.Request.of("GET", bearer(token).items())
    verifier = library.Verifier(keyward.url, app="api", secret="a wrong one", check_url=f"{keyward.url}/else")
    caplog.set_level("INFO", "keyward")
    for _ in range(5):
        assert isinstance(verifier.verify(request), library.Refusal)
    until(lambda: "revocations" in caplog.text, "the stream says it too")
    verifier.close()
    wrong = [record.getMessage() for record in caplog.records]
    assert wrong.count("the check: /v1/check answers 404, and not as Keyward does") == 1
    assert wrong.count("the stream of revocations: /v1/revocations answers 401") == 1
    assert token not in caplog.text and "a wrong one" not in caplog.text


def test_nobody_there_is_503() -> None:
    verifier = library.Verifier(f"http://127.0.0.1:{free_port()}", timeout=5)
    began = time.monotonic()
    found = verifier.verify(library.Request.of("GET", []))
    assert isinstance(found, library.Refusal) and found.status == 503
    assert time.monotonic() - began < 30
