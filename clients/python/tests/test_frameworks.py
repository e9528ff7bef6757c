"""Each framework, both ways, over real HTTP: who is let in, as whom, and what the others are told."""

from __future__ import annotations

import pytest
from conftest import EVERY, WAYS
from fastapi import APIRouter, Depends
from servers import AppServer, Keyward, until

import keyward.fastapi
import keyward.flask

EACH = pytest.mark.parametrize("app", [(name, way) for name in EVERY for way in WAYS], indirect=True, ids="-".join)

FASTAPI = pytest.mark.parametrize("app", [("fastapi", way) for way in WAYS], indirect=True, ids="-".join)


@EACH
def test_a_signed_in_user_is_let_in(app: AppServer, keyward: Keyward) -> None:
    signed_in = keyward.sign_in("ada")
    answer = app.get("/me", signed_in["access_token"])
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["username"], said["app"], said["roles"]) == ("ada", "web", ["admin"])
    assert said["session"] == signed_in["session_id"] and said["user"]


@EACH
def test_a_name_may_be_in_any_letters(app: AppServer, keyward: Keyward) -> None:
    assert app.get("/me", keyward.sign_in("zoë")["access_token"]).json()["username"] == "zoë"


@EACH
def test_a_session_cookie_lets_in_too(app: AppServer, keyward: Keyward) -> None:
    token = keyward.sign_in("anna", "session")["cookies"]["keyward-session"]
    answer = app.get("/me", headers={"cookie": f"theme=dark; keyward-session={token}"})
    assert (answer.status_code, answer.json()["username"]) == (200, "anna")


@EACH
def test_nobody_and_a_bad_token_are_told_so(app: AppServer) -> None:
    for token, code, error in [(None, "token_missing", None), ("e30.e30.e30", "token_invalid", "invalid_token")]:
        answer = app.get("/me", token)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-auth-reason"] == code
        assert ("error=" in answer.headers["www-authenticate"]) == bool(error)
        assert answer.headers["cache-control"] == "no-store"


@EACH
def test_a_role_is_asked_for(app: AppServer, keyward: Keyward) -> None:
    answer = app.get("/admin", keyward.sign_in("anna")["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_role")
    assert app.get("/admin", keyward.sign_in("ada")["access_token"]).status_code == 200


@EACH
def test_a_second_factor_is_asked_for(app: AppServer, keyward: Keyward) -> None:
    answer = app.get("/payments", keyward.sign_in("ada")["access_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert 'acr_values="2"' in answer.headers["www-authenticate"]


@FASTAPI
def test_a_path_that_asks_again_and_again_asks_once(app: AppServer, keyward: Keyward) -> None:
    assert app.get("/thrice", keyward.sign_in("anna")["access_token"]).json(), "each is the same identity"


@FASTAPI
def test_an_app_within_an_app_refuses_too(app: AppServer, keyward: Keyward) -> None:
    assert app.get("/mounted/me", keyward.sign_in("anna")["access_token"]).json()
    answer = app.get("/mounted/me")
    assert (answer.status_code, answer.json()) == (401, {"detail": "token_missing"})
    assert answer.headers["www-authenticate"].startswith("Bearer") and answer.headers["cache-control"] == "no-store"


def test_brackets_that_are_forgotten_are_an_error_at_the_start() -> None:
    with pytest.raises(TypeError, match="everybody in"):
        APIRouter(dependencies=[Depends(keyward.fastapi.requires)]).add_api_route("/", lambda: "in")
    with pytest.raises(TypeError, match="brackets"):
        keyward.flask.requires(lambda: "in")  # type: ignore[arg-type]


@EACH
def test_who_signed_out_is_refused_within_a_moment(app: AppServer, keyward: Keyward) -> None:
    token = keyward.sign_in("bert")["access_token"]
    assert app.get("/me", token).status_code == 200
    keyward.sign_out(token)
    answer = until(lambda: (found := app.get("/me", token)).status_code == 401 and found, "refused")
    assert (answer.json()["code"], answer.json()["reason"]) == ("token_revoked", "logout")
