"""What a client, or somebody who has found a way to the app, tries. Those of the list of attacks are named by it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from conftest import ASGI, EVERY, WAYS
from cryptography.hazmat.primitives.asymmetric import ec
from forger import Forger, encoded
from proxy import Proxy, answering
from servers import AppServer, Keyward, bearer, until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import keyward as library

EACH = pytest.mark.parametrize("app", [(name, way) for name in EVERY for way in WAYS], indirect=True, ids="-".join)
SPOOFED = {"X-Auth-User": "root", "x_auth_roles": "admin", "X-AUTH-Username": "root", "X-Auth-Session": "1"}
FOREIGN = {"origin": "https://evil.test", "sec-fetch-site": "cross-site"}
OWN = {"origin": "https://app.test", "sec-fetch-site": "cross-site"}


@EACH
def test_identity_headers_from_outside_are_never_believed(app: AppServer, keyward: Keyward) -> None:
    assert app.get("/me", headers=SPOOFED).status_code == 401
    token = keyward.sign_in("anna")["access_token"]
    assert app.get("/admin", token, headers=SPOOFED).status_code == 403
    said = app.get("/me", token, headers=SPOOFED).json()
    assert (said["username"], said["roles"], said["headers"]) == ("anna", [], [])


@EACH
def test_no_cache_gives_an_answer_to_another_user(app: AppServer, keyward: Keyward) -> None:
    token = keyward.sign_in("anna")["access_token"]
    answer = app.get("/me", token)
    assert answer.headers["cache-control"] == "no-store"
    assert "authorization" in answer.headers["vary"].lower() and "cookie" in answer.headers["vary"].lower()
    chosen = app.get("/cached", token)
    assert chosen.headers["cache-control"] == "max-age=60", "what the app says itself holds"
    assert "authorization" in chosen.headers["vary"].lower()
    assert "no-store" not in app.get("/open").headers.get("cache-control", "")


@EACH
def test_a_recent_sign_in_is_asked_for(app: AppServer, keyward: Keyward) -> None:
    token = keyward.sign_in("ada")["access_token"]
    answer = until(lambda: (found := app.get("/recent", token)).status_code == 401 and found, "too long ago")
    assert answer.json()["code"] == "insufficient_user_authentication"
    assert 'max_age="0"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("app", [("django", way) for way in WAYS], indirect=True, ids="-".join)
def test_a_role_is_asked_for_though_a_decorator_hides_it(app: AppServer, keyward: Keyward) -> None:
    assert app.get("/hidden", keyward.sign_in("anna")["access_token"]).status_code == 403
    assert app.get("/hidden", keyward.sign_in("ada")["access_token"]).status_code == 200


@EACH
def test_a_page_of_another_site_cannot_use_the_session_cookie(app: AppServer, keyward: Keyward) -> None:
    cookies = {"cookie": f"keyward-session={keyward.sign_in('anna', 'session')['cookies']['keyward-session']}"}
    answer = httpx.post(app.url + "/me", headers=cookies | FOREIGN)
    assert answer.status_code == 403
    assert httpx.post(app.url + "/me", headers=cookies | OWN).status_code == 200
    # What the client says of its method is not heard.
    spoofed = {"x-forwarded-method": "GET"}
    assert httpx.post(app.url + "/me", headers=cookies | FOREIGN | spoofed).status_code == 403


@pytest.mark.parametrize("app", [(name, way) for name in ASGI[:2] for way in WAYS], indirect=True, ids="-".join)
def test_a_page_of_another_site_cannot_open_a_websocket(app: AppServer, keyward: Keyward) -> None:
    url = app.url.replace("http", "ws") + "/socket"
    token = keyward.sign_in("anna", "session")["cookies"]["keyward-session"]
    cookies = {"cookie": f"keyward-session={token}"}
    for headers, status in [(cookies | FOREIGN, 403), (cookies, 403), ({}, 401)]:
        with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers):
            pass
        assert refused.value.response.status_code == status
    with connect(url, additional_headers=cookies | OWN) as open_socket:
        assert open_socket.recv(timeout=30)


@pytest.fixture(scope="module")
def forger(keyward: Keyward) -> Forger:
    return Forger(keyward)


@pytest.fixture(scope="module")
def proxy(keyward: Keyward) -> Iterator[Proxy]:
    between = Proxy(keyward.port)
    yield between
    between.stop()


@pytest.fixture(scope="module")
def local(keyward: Keyward, proxy: Proxy) -> Iterator[library.Verifier]:
    verifier = library.Verifier(proxy.url, app="api", secret=keyward.secret, local=True, issuer=keyward.url)
    yield verifier
    verifier.close()


def verdict(verifier: library.Verifier, token: str) -> str:
    found = verifier.verify(library.Request.of("GET", bearer(token).items()))
    return "let in" if isinstance(found, library.Identity) else found.code


def test_a_token_that_was_made_here_as_keyward_makes_it_passes(local: library.Verifier, forger: Forger) -> None:
    assert verdict(local, forger.token()) == "let in"
    assert verdict(local, forger.token({"typ": "application/at+jwt"})) == "let in"
    assert verdict(local, forger.token(aud=["other", "keyward"])) == "let in"


def test_an_unknown_kid_lets_nobody_in_and_asks_for_keys_at_most_so_often(
    local: library.Verifier, forger: Forger, proxy: Proxy
) -> None:
    assert verdict(local, forger.token()) == "let in"
    before = proxy.count("/.well-known/jwks.json")
    for number in range(50):
        assert verdict(local, forger.token({"kid": f"unknown-{number}"})) == "token_invalid"
    assert proxy.count("/.well-known/jwks.json") - before <= 1


def test_no_algorithm_but_the_keys_own_counts(local: library.Verifier, forger: Forger) -> None:
    assert verdict(local, forger.unsigned()) == "token_invalid"
    assert verdict(local, forger.by_public_key()) == "token_invalid"
    other = ec.generate_private_key(ec.SECP256R1())
    assert verdict(local, forger.token(key=other)) == "token_invalid"


def test_a_key_in_the_header_is_neither_fetched_nor_trusted(
    local: library.Verifier, forger: Forger, proxy: Proxy
) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    for head in [{"jku": f"{proxy.url}/evil"}, {"x5u": f"{proxy.url}/evil"}, {"jwk": {"kty": "EC"}}]:
        assert verdict(local, forger.token(head, key=other)) == "token_invalid"
    assert proxy.count("/evil") == 0
    assert verdict(local, forger.token({"crit": ["exp2"], "exp2": 1})) == "token_invalid"


def test_json_that_is_nested_without_end_is_no_token(local: library.Verifier) -> None:
    # PyJWT 2.10, the oldest that this goes with, stumbles over it.
    for head in ["[" * 20_000, '{"a":' * 20_000, '{"kid":' + "[" * 20_000]:
        assert verdict(local, f"{encoded(head.encode())}.e30.e30") == "token_invalid"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "", None, "at+jwt2", 5])
def test_a_wrong_typ_is_no_access_token(local: library.Verifier, forger: Forger, typ: object) -> None:
    assert verdict(local, forger.token({"typ": typ})) == "token_invalid"


def test_a_token_of_another_issuer_or_for_another_audience_is_refused(
    local: library.Verifier, forger: Forger
) -> None:
    for changed in [{"iss": "https://evil.test"}, {"aud": "other"}, {"aud": None}, {"iss": None}]:
        assert verdict(local, forger.token(**changed)) == "token_invalid"


def test_a_token_without_a_claim_that_is_needed_is_refused(local: library.Verifier, forger: Forger) -> None:
    for name in ["exp", "iat", "jti", "sid", "sub", "client_id"]:
        assert verdict(local, forger.token(**{name: None})) == "token_invalid", name
    for changed in [{"sid": ""}, {"sid": 5}, {"iat": "now"}, {"jti": ["a"]}]:
        assert verdict(local, forger.token(**changed)) == "token_invalid", changed
    assert verdict(local, forger.token(exp=1)) == "token_expired"


def test_roles_that_are_no_list_of_names_are_none(local: library.Verifier, forger: Forger) -> None:
    for roles in ["admin", {"admin": 1}, [["admin"]], None]:
        request = library.Request.of("GET", bearer(forger.token(roles=roles)).items())
        found = local.verify(request, library.Demand(role="admin"))
        assert isinstance(found, library.Refusal) and found.status == 403


def test_one_bearer_token_and_no_other_is_a_credential(
    local: library.Verifier, keyward: Keyward, forger: Forger
) -> None:
    good = forger.token()
    asking = library.Verifier(keyward.url)
    twice = [("Authorization", f"Bearer {good}")] * 2
    for verifier in (local, asking):
        for headers in [twice, [("Authorization", f"Bearer {good},Bearer {good}")], [("Authorization", "Bearer ")],
                        [("Authorization", f"Bearer {good}\r\n X-Forwarded-Method: GET")],
                        [("Authorization", "Bearer " + "a" * 300_000)],
                        [("Authorization", f"Bearer {good}\x00")], [("Authorization", f"Bearer \u20ac{good}")]]:
            found = verifier.verify(library.Request.of("GET", headers))
            assert isinstance(found, library.Refusal) and (found.status, found.code) == (401, "token_invalid")


STREAMS = [
    b"HTTP/1.1 302 Found\r\nlocation: KEYWARD/v1/revocations\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<!doctype html>\n\n<p>event: status</p>\n\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: status\ndata: {}\n\n",
    b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: status\ndata: {"good_for":NaN}\n\n',
    b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: status\ndata: {"good_for":60}',
    b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: statusdata: {"good_for":60}\n\n',
    b"HTTP/1.1 204 No Content\r\n\r\n",
]


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_no_stream_of_keyward_lets_nobody_in(stream: bytes, keyward: Keyward, forger: Forger) -> None:
    keys = httpx.get(f"{keyward.url}/.well-known/jwks.json").content
    head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(keys)}\r\n\r\n".encode()
    answers = {b"/v1/revocations": stream.replace(b"KEYWARD", keyward.url.encode()), b"jwks.json": head + keys}
    with answering(answers) as url:
        verifier = library.Verifier(url, app="api", secret=keyward.secret, local=True, issuer=keyward.url, timeout=0.5)
        assert verdict(verifier, forger.token()) == "store_unavailable"
        verifier.close()


ELSE = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nwelcome",
    b"HTTP/1.1 200 OK\r\nx-auth-user:\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: /sign-in\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 500 Internal Server Error\r\nx-auth-reason: internal\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx-auth-user: root\r\ncontent-length: 9\r\n\r\ncut",
    b"HTTP/1.1 200 OK\r\nx-auth-user: root\r\ntransfer-encoding: chunked\r\n\r\n3\r\ncut",
    b"HTTP/1.1 200 OK\r\nx-auth-user: root\r\ncontent-length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx-auth-user: root\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx-auth-user: root\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
    b"HTTP/1.1 2x0 OK\r\nx-auth-user: root\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"",
]


@pytest.mark.parametrize("answer", ELSE)
def test_what_answers_in_place_of_keyward_lets_nobody_in(answer: bytes) -> None:
    with answering({b"/v1/check": answer}) as url:
        found = library.Verifier(url).verify(library.Request.of("GET", []))
    assert isinstance(found, library.Refusal) and found.status == 503
