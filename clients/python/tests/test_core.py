"""The core, without a framework: identities, demands, event loops, processes."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
from conftest import WAYS
from proxy import Proxy
from servers import Keyward, bearer, until

import keyward as library
from keyward.question import read
from keyward.revocations import Revocations
from keyward.wire import Answer, AnswerReader, Away
from keyward.wsgi import Middleware


def request(token: str) -> library.Request:
    return library.Request.of("GET", bearer(token).items(), "192.0.2.7")


@pytest.fixture(params=WAYS)
def verifier(request: pytest.FixtureRequest, keyward: Keyward) -> Iterator[library.Verifier]:
    made = library.Verifier(keyward.url, app="api", secret=keyward.secret, local=request.param == "local")
    yield made
    made.close()


@pytest.fixture(params=WAYS)
def options(request: pytest.FixtureRequest, keyward: Keyward) -> dict[str, object]:
    return {"app": "api", "secret": keyward.secret, "local": request.param == "local"}


def identified(verifier: library.Verifier, token: str) -> library.Identity:
    found = verifier.verify(request(token))
    assert isinstance(found, library.Identity), found
    return found


def test_the_end_of_a_session_is_told_once_with_its_reason(verifier: library.Verifier, keyward: Keyward) -> None:
    token = keyward.sign_in("bert")["access_token"]
    identity = identified(verifier, token)
    told: list[str] = []
    taken_back: list[str] = []
    identity.on_end(told.append)
    identity.on_end(taken_back.append)()
    assert not identity.ended.is_set()
    keyward.sign_out(token)
    assert identity.ended.wait(30)
    until(lambda: told == ["logout"], "told")
    assert taken_back == []
    late: list[str] = []
    identity.on_end(late.append)
    assert late == ["logout"], "who asks late is told at once"


def test_an_identity_that_nobody_holds_is_watched_no_longer(verifier: library.Verifier, keyward: Keyward) -> None:
    token = keyward.sign_in("bert")["access_token"]
    identity = identified(verifier, token)
    watches = identity._revocations._watches  # type: ignore[union-attr]
    ended = identity.ended
    del identity
    gc.collect()
    assert watches, "who waits is enough to hold it"
    del ended
    gc.collect()
    assert not watches


def test_another_users_end_is_not_told(verifier: library.Verifier, keyward: Keyward) -> None:
    tokens = [keyward.sign_in("bert")["access_token"] for _ in range(2)]
    first, second = (identified(verifier, token) for token in tokens)
    keyward.sign_out(tokens[0])
    assert first.ended.wait(30)
    assert not second.ended.is_set()


def test_a_change_of_roles_ends_an_identity_and_not_the_session(own_keyward: Keyward, options: dict[str, object]) -> None:
    verifier = library.Verifier(own_keyward.url, **(options | {"secret": own_keyward.secret}))  # type: ignore[arg-type]
    signed_in = own_keyward.sign_in("bert")
    identity = identified(verifier, signed_in["access_token"])
    told: list[str] = []
    identity.on_end(told.append)
    until(lambda: not _is_this_second(identity), "a token of an earlier second")
    own_keyward.run("user", "role", "bert", "--add", "admin")
    until(lambda: told == ["outdated"], "told")
    found = verifier.verify(request(signed_in["access_token"]))
    assert isinstance(found, library.Refusal) and (found.status, found.code) == (401, "token_outdated")
    verifier.close()


def _is_this_second(identity: library.Identity) -> bool:
    return int(identity._subject.issued) == int(time.time())


def test_without_a_secret_nobody_pretends_to_know_of_ends(keyward: Keyward) -> None:
    identity = identified(library.Verifier(keyward.url), keyward.sign_in("bert")["access_token"])
    assert not identity.can_end
    with pytest.raises(library.NoStream):
        identity.on_end(print)
    with pytest.raises(ValueError, match="app and secret"):
        library.Verifier(keyward.url, local=True)


def test_an_async_iterator_ends_with_the_session(keyward: Keyward, options: dict[str, object]) -> None:
    closed = []

    async def endless() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(3600)
        finally:
            closed.append(True)

    async def run() -> list[int]:
        verifier = library.AsyncVerifier(keyward.url, **options)  # type: ignore[arg-type]
        token = keyward.sign_in("bert")["access_token"]
        identity = await verifier.verify(request(token))
        assert isinstance(identity, library.Identity)
        seen = []
        async for item in identity.until_ended(endless()):
            seen.append(item)
            await asyncio.to_thread(keyward.sign_out, token)
        assert await identity.wait_ended() == "logout"
        assert [item async for item in identity.until_ended(_items())] == [], "over before it begins"
        verifier.close()
        return seen

    assert asyncio.run(run()) == [1]
    assert closed == [True]


async def _items() -> AsyncIterator[int]:
    yield 1


def test_items_pass_as_long_as_the_session_goes_on(verifier: library.Verifier, keyward: Keyward) -> None:
    async def few() -> AsyncIterator[int | None]:
        for item in (1, None, 3):
            yield item

    async def run() -> list[int | None]:
        return [item async for item in identity.until_ended(few())]

    identity = identified(verifier, keyward.sign_in("bert")["access_token"])
    assert asyncio.run(run()) == [1, None, 3]


def test_a_verifier_serves_one_event_loop_after_another(keyward: Keyward, options: dict[str, object]) -> None:
    verifier = library.AsyncVerifier(keyward.url, **options)  # type: ignore[arg-type]
    token = keyward.sign_in("bert")["access_token"]

    async def many() -> list[library.Identity | library.Refusal]:
        return await asyncio.gather(*(verifier.verify(request(token)) for _ in range(150)))

    for _ in range(2):
        assert all(isinstance(found, library.Identity) for found in asyncio.run(many()))


def test_event_loops_of_several_threads_share_a_verifier(keyward: Keyward, options: dict[str, object]) -> None:
    verifier = library.AsyncVerifier(keyward.url, **options)  # type: ignore[arg-type]
    token = keyward.sign_in("bert")["access_token"]

    async def some() -> list[library.Identity | library.Refusal]:
        return await asyncio.gather(*(verifier.verify(request(token)) for _ in range(10)))

    with ThreadPoolExecutor(8) as threads:
        runs = [threads.submit(lambda: asyncio.run(some())) for _ in range(100)]
        assert all(isinstance(found, library.Identity) for run in runs for found in run.result())


def test_event_loops_that_are_over_leave_nothing_open(keyward: Keyward) -> None:
    verifier = library.AsyncVerifier(keyward.url)
    token = keyward.sign_in("bert")["access_token"]
    gc.collect()  # Of what other tests have left.
    before = _open_files()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(20):
            assert isinstance(asyncio.run(verifier.verify(request(token))), library.Identity)
        assert _open_files() <= before + 1, "one connection serves all"
        verifier.close()
        assert _open_files() <= before
        gc.collect()
    assert [str(one.message) for one in warned] == []


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_check_that_is_given_up_spoils_no_other(keyward: Keyward) -> None:
    users = {name: keyward.sign_in(name)["access_token"] for name in ("anna", "bert", "ada")}

    async def run() -> None:
        verifier = library.AsyncVerifier(keyward.url)
        for number in range(60):
            given_up = asyncio.ensure_future(verifier.verify(request(users["anna"])))
            await asyncio.sleep(0.0005 * (number % 5))
            given_up.cancel()
            for name in ("bert", "ada"):
                found = await verifier.verify(request(users[name]))
                assert isinstance(found, library.Identity) and found.username == name
        verifier.close()

    asyncio.run(run())


def test_a_forked_child_has_connections_and_a_stream_of_its_own(keyward: Keyward, options: dict[str, object]) -> None:
    proxy = Proxy(keyward.port)
    verifier = library.Verifier(proxy.url, issuer=keyward.url, **options)  # type: ignore[arg-type]
    token = keyward.sign_in("bert")["access_token"]
    identified(verifier, token)
    before = proxy.connections
    child = os.fork()
    if child == 0:
        found = verifier.verify(request(token))
        told = threading.Event()
        if isinstance(found, library.Identity):
            found.on_end(lambda _: told.set())
            keyward.sign_out(token)
        os._exit(0 if told.wait(30) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert proxy.connections > before
    assert isinstance(verifier.verify(request(keyward.sign_in("bert")["access_token"])), library.Identity)
    verifier.close()
    proxy.stop()


def test_threads_of_a_forked_child_share_one_stream(keyward: Keyward, options: dict[str, object]) -> None:
    verifier = library.Verifier(keyward.url, **options)  # type: ignore[arg-type]
    token = keyward.sign_in("bert")["access_token"]
    child = os.fork()
    if child == 0:
        together = threading.Barrier(20)

        def ask() -> None:
            together.wait()
            verifier.verify(request(token))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit([thread.name for thread in threading.enumerate()].count("keyward-revocations"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    verifier.close()


def test_a_name_that_is_looked_up_for_too_long_is_503(keyward: Keyward, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        over.wait(30)
        return []

    monkeypatch.setattr("socket.getaddrinfo", never)
    asynchronous = library.AsyncVerifier(keyward.url, timeout=0.2)
    nobody, began = library.Request.of("GET", []), time.monotonic()
    with asyncio.Runner() as loop:
        found = [library.Verifier(keyward.url, timeout=0.2).verify(nobody), loop.run(asynchronous.verify(nobody))]
        taken = time.monotonic() - began
        over.set()
    assert [isinstance(one, library.Refusal) and one.status for one in found] == [503, 503]
    assert taken < 15


def test_who_comes_with_a_cookie_is_known_as_of_keywards_clock() -> None:
    now = time.time()
    later, earlier = (formatdate(now + seconds, usegmt=True) for seconds in (3600, -3600))
    entry = {"claim": "sub", "value": "u", "until": now + 7200, "issued_before": int(now)}
    for date, is_outdated in [(earlier, True), (later, False)]:
        revocations = Revocations()
        revocations.take("revoked", entry)
        answer = Answer(200, {"x-auth-user": "u", "x-auth-session": "s", "date": date}, b"", True)
        found = read(answer, library.Request.of("GET", [("cookie", "keyward-session=s")]), revocations)
        assert isinstance(found, library.Identity) and found.ended.is_set() == is_outdated


def test_a_head_request_is_refused_without_a_body(keyward: Keyward) -> None:
    said: list[tuple[str, dict[str, str]]] = []
    guarded = Middleware(app_of_nobody, library.Verifier(keyward.url))
    bodies = []
    for method in ("GET", "HEAD"):
        environ = {"REQUEST_METHOD": method}
        body = guarded(environ, lambda status, headers, *_: said.append((status, dict(headers))))  # type: ignore
        bodies.append(b"".join(body))
    (as_get, get), (as_head, head) = said
    assert as_get == as_head == "401 Unauthorized"
    assert get["Content-Length"] == head["Content-Length"] == str(len(bodies[0]))
    assert bodies[0] and not bodies[1]


def app_of_nobody(*_: object) -> list[bytes]:
    raise AssertionError("nobody is let in")


def test_threads_share_a_verifier(verifier: library.Verifier, keyward: Keyward) -> None:
    users = {name: keyward.sign_in(name)["access_token"] for name in ("anna", "bert", "ada", "carl")}
    wrong: list[object] = []

    def ask(name: str) -> None:
        for _ in range(50):
            found = verifier.verify(request(users[name]))
            if not isinstance(found, library.Identity) or found.username != name:
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(name,)) for name in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_over_the_rate_of_the_session_is_429_with_when_to_come_back() -> None:
    server = Keyward({"anna": []}, RATE_LIMIT_SESSION_REQUESTS="2")
    try:
        verifier = library.Verifier(server.url)
        token = server.sign_in("anna")["access_token"]
        found = [verifier.verify(request(token)) for _ in range(3)][-1]
        assert isinstance(found, library.Refusal) and (found.status, found.code) == (429, "rate_limited")
        assert int(found.headers["retry-after"]) > 0 and "ratelimit" in found.headers
    finally:
        server.stop()


def test_what_nobody_could_meet_is_an_error_and_no_demand() -> None:
    for wrong in [{"role": ""}, {"role": ["admin", ""]}, {"role": []}, {"acr": "3"}, {"max_age": -1}]:
        with pytest.raises(ValueError):
            library.Demand(**wrong)  # type: ignore[arg-type]
    demand = library.Demand(role=["a b", "c&d"], acr=2, max_age=300)
    assert demand.query == "role=a+b&role=c%26d&acr=2&max_age=300"


def test_nothing_of_a_request_leaves_the_app_but_what_the_check_looks_at() -> None:
    headers = [("Cookie", "own=1; keyward-session=s; __Host-keyward-refresh=r"), ("Accept", "x"), ("Cookie", "a=b")]
    made = library.Request.of("GE T", [*headers, ("ORIGIN", "https://app.test"), ("X-Auth-User", "root")])
    assert made.headers == (("cookie", "keyward-session=s"), ("origin", "https://app.test"))
    assert made.reported_method == "UNREADABLE"


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_an_answer_is_read_in_whatever_pieces_it_comes(pieces: int) -> None:
    wholes = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\na:2\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\na: 1, 2\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nbod\r\n1\r\ny\r\n0\r\n\r\n",
    ]
    for whole in wholes:
        reader = AnswerReader()
        found = [reader.feed(whole[at : at + pieces]) for at in range(0, len(whole), pieces)]
        assert found[:-1] == [None] * (len(found) - 1)
        last = found[-1]
        assert last and (last.status, last.headers["a"], last.body, last.keeps) == (200, "1, 2", b"body", True)


def test_a_connection_that_says_more_than_an_answer_is_not_used_again() -> None:
    for whole in [b"content-length: 2\r\n\r\nokHTTP/1.1 200", b"transfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200"]:
        last = AnswerReader().feed(b"HTTP/1.1 200 OK\r\n" + whole)
        assert last and not last.keeps


def test_an_answer_to_the_end_of_the_connection_is_the_last_on_it() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nbo") is None
    assert reader.feed(b"dy") is None
    last = reader.feed(b"")
    assert last and (last.body, last.keeps) == (b"body", False)
    with pytest.raises(Away):
        AnswerReader().feed(b"")


@pytest.mark.parametrize("url", ["", "ftp://a", "http://", "127.0.0.1:8080", "https://a/?b"])
def test_an_address_that_cannot_be_asked_is_an_error_at_the_start(url: str) -> None:
    with pytest.raises(ValueError):
        library.Verifier(url)
