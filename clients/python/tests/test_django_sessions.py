"""Django's sessions, kept by Keyward: under WSGI and ASGI."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import COMMANDS, SharedApp
from proxy import answering
from servers import AppServer, Keyward, until

BOTH = ["django", "django-asgi"]
each = pytest.mark.parametrize("app", [(name, "check") for name in BOTH], indirect=True, ids=BOTH)


def browser(app: AppServer, user: str | None = None) -> httpx.Client:
    client = httpx.Client(base_url=app.url, timeout=60)
    if user:
        assert client.post("/sign-in", json={"user": user}).status_code == 204
    return client


@each
def test_what_a_session_holds_is_there_at_the_next_request(app: AppServer) -> None:
    anna, bert = browser(app, "anna"), browser(app, "bert")
    assert [anna.get("/visits").json()["visits"] for _ in range(3)] == [1, 2, 3]
    assert bert.get("/visits").json() == {"user": "bert", "visits": 1}
    assert browser(app).get("/visits").status_code == 401


@each
@pytest.mark.parametrize("way_out", ["/sign-out", "/sign-out-async"])
def test_a_sign_out_ends_the_session_for_whoever_has_its_token(app: AppServer, way_out: str) -> None:
    client = browser(app, "anna")
    token = client.cookies["sessionid"]
    assert client.get(way_out).status_code == 204
    assert "sessionid" not in client.cookies
    thief = httpx.get(f"{app.url}/visits", cookies={"sessionid": token})
    assert thief.status_code == 401


@each
def test_a_token_from_before_the_sign_in_is_worth_nothing_after_it(app: AppServer) -> None:
    client = browser(app)
    assert client.get("/note?a=1").status_code == 204
    before = client.cookies["sessionid"]
    assert client.post("/sign-in", json={"user": "anna"}).status_code == 204
    assert client.cookies["sessionid"] != before
    assert client.get("/notes").json() == {"a": "1"}, "what it holds comes along"
    assert httpx.get(f"{app.url}/notes", cookies={"sessionid": before}).json() == {}


@each
def test_two_requests_that_save_at_once_keep_both(app: AppServer, request: pytest.FixtureRequest) -> None:
    client = browser(app, "anna")
    meeting = f"{abs(hash(request.node.name))}"
    cookies = dict(client.cookies)
    asks = [f"/note?{name}=1&meet={meeting}" for name in ("a", "b")]
    threads = [threading.Thread(target=httpx.get, args=(app.url + ask,), kwargs={"cookies": cookies, "timeout": 60})
               for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("/notes").json() == {"a": "1", "b": "1"}


@each
def test_a_cookie_may_hold_anything(app: AppServer) -> None:
    for token in ["", "x", "a" * 64, "../other", "%0d%0aKeyward-Session: x"]:
        answer = httpx.get(f"{app.url}/notes", headers={"cookie": f"sessionid={token}"})
        assert (answer.status_code, answer.json()) == (200, {})


@each
def test_the_session_is_the_users_in_keywards_eyes(app: AppServer, keyward: Keyward) -> None:
    client = browser(app, "dora")
    assert client.get("/visits").json()["visits"] == 1
    sessions = f"{keyward.url}/v1/apps/api/sessions"
    listed = httpx.get(sessions, auth=("api", keyward.secret), params={"limit": 500}).json()["sessions"]
    mine = [one for one in listed if one["data"].get("visits") == '["one more"]' and one["ip"] == "127.0.0.1"]
    (newest, *_) = mine
    assert newest["user"].isdigit()
    assert httpx.delete(f"{sessions}/{newest['id']}", auth=("api", keyward.secret)).json() == {"ended": 1}
    assert client.get("/visits").status_code == 401


def test_an_address_that_is_none_keeps_nobody_from_signing_in(shared_app: SharedApp) -> None:
    app = shared_app("django-asgi", "check")
    for said in ["unknown", "192.0.2.7:4711", "fe80::1%eth0"]:
        # uvicorn believes its neighbour, and so do other servers their proxies.
        answer = httpx.post(app.url + "/sign-in", json={"user": "anna"}, headers={"x-forwarded-for": said})
        assert answer.status_code == 204, said


@each
def test_another_life_is_that_of_the_session_from_then_on(app: AppServer, keyward: Keyward) -> None:
    client = browser(app, "anna")
    client.get("/note?a=1")
    before = client.cookies["sessionid"]
    assert of_keyward(keyward, before)["ttl"] == 14 * 86_400, "Django's own"
    assert client.get("/remember?seconds=300").status_code == 204
    living = of_keyward(keyward, client.cookies["sessionid"])
    assert (living["ttl"], living["sliding"], living["data"]["a"]) == (300, True, '"1"')
    assert client.get("/remember?seconds=600&moment=1").status_code == 204
    living = of_keyward(keyward, client.cookies["sessionid"])
    assert 590 <= living["ttl"] <= 600 and not living["sliding"]
    assert client.get("/visits").json()["user"] == "anna"
    assert httpx.get(f"{app.url}/notes", cookies={"sessionid": before}).json() == {}, "it is the same session no more"


@each
def test_another_life_brings_no_ended_session_back(app: AppServer, keyward: Keyward) -> None:
    client = browser(app, "anna")
    name = f"{app.port}-late"
    late: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: late.append(client.get(f"/remember?seconds=300&after={name}")))
    asking.start()
    until(lambda: (keyward.folder / f"waits-{name}").exists(), "it has read the session")
    assert httpx.get(f"{app.url}/sign-out", cookies=dict(client.cookies)).status_code == 204
    (keyward.folder / f"go-{name}").touch()
    asking.join()
    assert late[0].status_code == 400 and "sessionid" not in late[0].cookies


def of_keyward(keyward: Keyward, token: str) -> dict[str, Any]:
    current = f"{keyward.url}/v1/apps/api/sessions/current"
    answer = httpx.get(current, auth=("api", keyward.secret), headers={"keyward-session": token})
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(params=BOTH)
def own_app(request: pytest.FixtureRequest, own_keyward: Keyward) -> Iterator[AppServer]:
    app = AppServer(own_keyward, COMMANDS[request.param], "check", KEYWARD_TIMEOUT="1")
    yield app
    app.stop()


@pytest.mark.parametrize("path", ["/note?a=1", "/note-async"])
def test_a_session_that_cannot_be_saved_is_503(path: str, own_app: AppServer, own_keyward: Keyward) -> None:
    assert "sessionid" in httpx.get(own_app.url + path).cookies
    own_keyward.pause()
    # Nothing is read of a session that is new: it is saved when the view is done, by Django's middleware.
    answer = httpx.get(own_app.url + path, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1" and not answer.cookies
    own_keyward.resume()
    assert "sessionid" in until(lambda: (found := httpx.get(own_app.url + path)).is_success and found, "saved").cookies


PAGE = b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnone"


def test_what_answers_in_place_of_keyward_signs_nobody_out(keyward: Keyward) -> None:
    with answering({b"/current": PAGE}) as url:
        app = AppServer(keyward, COMMANDS["django"], "check", KEYWARD_URL=url)
        answer = httpx.get(f"{app.url}/visits", cookies={"sessionid": "a" * 64})
        app.stop()
    assert answer.status_code == 503 and "set-cookie" not in answer.headers


def test_a_wrong_secret_is_said_once_in_the_log(keyward: Keyward) -> None:
    app = AppServer(keyward, COMMANDS["django"], "check", KEYWARD_SECRET="a wrong one")
    assert [httpx.get(f"{app.url}/note?a=1").status_code for _ in range(3)] == [503] * 3
    app.stop()
    log = app.log.read_text()
    assert log.count("the sessions: /v1/apps/api/sessions answers 401") == 1 and "a wrong one" not in log


def test_while_keyward_is_away_nobody_is_signed_out(own_app: AppServer, own_keyward: Keyward) -> None:
    client = browser(own_app, "anna")
    assert client.get("/visits").json()["visits"] == 1
    own_keyward.pause()
    answer = client.get("/visits")
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    assert "set-cookie" not in answer.headers
    own_keyward.resume()
    until(lambda: client.get("/visits").json()["visits"] >= 2, "still signed in")
