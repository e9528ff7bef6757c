"""Why somebody is not let in, as it is answered: the status, headers and problem (RFC 9457) of Keyward's own check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

_REALM = 'Bearer realm="keyward"'
_INVALID = f'{_REALM}, error="invalid_token", error_description="the token is not valid now"'
_MALFORMED = f'{_REALM}, error="invalid_request", error_description="one bearer token is expected"'
_INSUFFICIENT = f'{_REALM}, error="insufficient_user_authentication"'
_SECOND_FACTOR = f'{_INSUFFICIENT}, error_description="a sign-in with a second factor is needed", acr_values="2"'
_RECENT = f'{_INSUFFICIENT}, error_description="a stronger or more recent sign-in is needed"'


@dataclass(frozen=True)
class Refusal:
    """An answer to give in place of the app's. 503 says that nobody can tell now; only 401 is about the credential."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Keyward's word for it, such as `token_expired`."""
        return self.headers.get("x-auth-reason", "")

    @property
    def reason(self) -> str:
        """The phrase that HTTP has for the status."""
        return HTTPStatus(self.status).phrase


def refuse(
    status: HTTPStatus, code: str, detail: str, *, reason: str | None = None, **headers: str
) -> Refusal:
    """A refusal of this side, in the form of Keyward's; in names of headers, `_` stands for `-`."""
    problem: dict[str, str | int] = {
        "type": f"urn:keyward:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code,
    }
    if reason is not None:
        problem["reason"] = reason
    body = json.dumps(problem, separators=(",", ":")).encode()
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    fixed = {"content-type": "application/problem+json", "cache-control": "no-store", "x-auth-reason": code}
    return Refusal(status.value, fixed | said, body)


def missing() -> Refusal:
    detail = "an access token or a session cookie is needed"
    return refuse(HTTPStatus.UNAUTHORIZED, "token_missing", detail, www_authenticate=_REALM)


def malformed() -> Refusal:
    detail = "exactly one Authorization header with one bearer token is expected"
    return refuse(HTTPStatus.UNAUTHORIZED, "token_invalid", detail, www_authenticate=_MALFORMED)


def unauthorized(code: str, detail: str, reason: str | None = None) -> Refusal:
    return refuse(HTTPStatus.UNAUTHORIZED, code, detail, reason=reason, www_authenticate=_INVALID)


def lacks_role() -> Refusal:
    return refuse(HTTPStatus.FORBIDDEN, "insufficient_role", "a role is missing")


def lacks_second_factor() -> Refusal:
    detail = "a sign-in with a second factor is needed"
    code = "insufficient_user_authentication"
    return refuse(HTTPStatus.UNAUTHORIZED, code, detail, www_authenticate=_SECOND_FACTOR)


def lacks_recency(max_age: int) -> Refusal:
    detail = f"a sign-in of at most {max_age} seconds ago is needed"
    challenge = f'{_RECENT}, max_age="{max_age}"'
    code = "insufficient_user_authentication"
    return refuse(HTTPStatus.UNAUTHORIZED, code, detail, www_authenticate=challenge)


def unavailable() -> Refusal:
    detail = "nobody can tell now who is signed in; try again soon"
    return refuse(HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable", detail, retry_after="1")
