"""Tokens that are verified here are looked at once, but never let in for longer than they are good."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from forger import Forger
from servers import Keyward, until

import keyward.keys as keyward_keys
import keyward.tokens as keyward_tokens
from keyward import ANYBODY, Identity, Refusal
from keyward.keys import Keys
from keyward.revocations import Revocations, elapsed
from keyward.tokens import Tokens
from keyward.wire import Answer, Away


class Published:
    """Keyward's keys, as it answers when it is asked; the clock can be set on."""

    def __init__(self, keyward: Keyward) -> None:
        self.body = httpx.get(f"{keyward.url}/.well-known/jwks.json").content
        self.is_away = False
        self.asked = 0
        self.later = 0.0

    def ask(self) -> Answer:
        self.asked += 1
        if self.is_away:
            raise Away
        return Answer(200, {"cache-control": "public, max-age=300"}, self.body, True)


@pytest.fixture
def published(keyward: Keyward, monkeypatch: pytest.MonkeyPatch) -> Published:
    made = Published(keyward)
    monkeypatch.setattr(keyward_keys, "elapsed", lambda: elapsed() + made.later)
    return made


@pytest.fixture
def tokens(keyward: Keyward, published: Published) -> Tokens:
    revocations = Revocations()
    revocations.take("status", {"good_for": 600})
    return Tokens(Keys(published.ask), revocations, keyward.url, "keyward")


@pytest.fixture
def forger(keyward: Keyward) -> Iterator[Forger]:
    yield Forger(keyward)


def verdict(tokens: Tokens, token: str) -> str:
    concurrent.futures.wait(tokens.wanted_for(token), 30)
    found = tokens.judge(token, ANYBODY)
    return "let in" if isinstance(found, Identity) else found.code


def test_a_token_that_was_seen_before_expires_all_the_same(tokens: Tokens, forger: Forger) -> None:
    token = forger.token(exp=int(time.time()) + 3)
    assert verdict(tokens, token) == "let in"
    until(lambda: verdict(tokens, token) == "token_expired", "expired")


def test_a_token_that_was_seen_before_is_revoked_all_the_same(tokens: Tokens, forger: Forger) -> None:
    token = forger.token(sid="of-this-test")
    assert verdict(tokens, token) == "let in"
    entry = {"claim": "sid", "value": "of-this-test", "until": time.time() + 60, "reason": "admin"}
    tokens.revocations.take("revoked", entry)
    found = tokens.judge(token, ANYBODY)
    assert isinstance(found, Refusal) and json.loads(found.body)["reason"] == "admin"


def test_a_token_whose_key_was_withdrawn_is_refused(tokens: Tokens, forger: Forger, published: Published) -> None:
    token = forger.token()
    assert verdict(tokens, token) == "let in"
    published.body = b'{"keys":[]}'
    assert verdict(tokens, token) == "let in", "as long as the keys are good for"
    published.later = 301
    until(lambda: verdict(tokens, token) == "token_invalid", "the keys are asked for again")


def test_keys_that_cannot_be_asked_for_again_serve_for_a_while(
    tokens: Tokens, forger: Forger, published: Published
) -> None:
    token = forger.token()
    assert verdict(tokens, token) == "let in"
    published.is_away = True
    published.later = 1000
    assert verdict(tokens, token) == "let in"
    assert verdict(tokens, forger.token({"kid": "unknown"})) == "store_unavailable", "nobody can tell"
    published.later = 301 + 3600
    assert verdict(tokens, token) == "store_unavailable"
    published.is_away = False
    published.later += 2
    until(lambda: verdict(tokens, token) == "let in", "they are asked for again")


def test_secret_keys_and_unknown_kinds_in_the_jwks_verify_nothing(
    tokens: Tokens, forger: Forger, published: Published
) -> None:
    known = json.loads(published.body)["keys"][0]
    others = [
        known | {"alg": "HS256", "kty": "oct", "k": "AA"}, known | {"alg": "none"}, known | {"use": "enc"},
        {name: value for name, value in known.items() if name != "alg"},
    ]
    published.body = json.dumps({"keys": others}).encode()
    assert verdict(tokens, forger.token()) == "token_invalid"


def test_what_is_remembered_of_tokens_is_bounded(
    tokens: Tokens, forger: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyward_tokens, "_MOST_SEEN", 3)
    made = [forger.token() for _ in range(10)]
    assert [verdict(tokens, token) for token in made + made] == ["let in"] * 20
    assert len(tokens._seen) == 3
