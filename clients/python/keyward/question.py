"""The check (`/v1/check`), put to Keyward and read: in, with who it is, or out, with why. There is no third."""

from __future__ import annotations

import base64
import json
import time
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from .demand import Demand
from .identity import Identity
from .refusal import Refusal
from .request import Request
from .revocations import Revocations, Subject
from .wire import Answer, Away

_HANDED_ON = ("content-type", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "x-auth-reason")
_REFUSALS = (401, 403, 429, 503)


def path_of(demand: Demand) -> str:
    return f"/v1/check?{demand.query}" if demand.query else "/v1/check"


def headers_of(request: Request) -> list[tuple[str, str]]:
    headers = [*request.headers, ("x-forwarded-method", request.reported_method)]
    if request.client:
        headers.append(("x-forwarded-for", request.client))
    return headers


def read(answer: Answer, request: Request, revocations: Revocations | None) -> Identity | Refusal:
    """What does not come from Keyward's check, a page of a proxy say, lets nobody in, and says nothing of anybody: that is
    `Away`."""
    if answer.status == 200 and answer.headers.get("x-auth-user"):
        return _identity(answer.headers, request, revocations)
    if answer.status not in _REFUSALS or "x-auth-reason" not in answer.headers:
        raise Away(f"/v1/check answers {answer.status}, and not as Keyward does")
    headers = {name: answer.headers[name] for name in _HANDED_ON if name in answer.headers}
    return Refusal(answer.status, headers | {"cache-control": "no-store"}, answer.body)


def _identity(said: dict[str, str], request: Request, revocations: Revocations | None) -> Identity:
    user, session = said["x-auth-user"], said.get("x-auth-session", "")
    token = _claims(request.bearer)
    # Of a session cookie, it is as of now; by Keyward's clock, as `issued_before` is.
    issued = token["iat"] if "iat" in token else _said_at(said.get("date", ""))
    subject = Subject(session, user, float(issued), token.get("jti"))
    return Identity(
        user=user,
        session=session,
        app=said.get("x-auth-app", ""),
        roles=frozenset(filter(None, said.get("x-auth-roles", "").split(","))),
        username=unquote(said.get("x-auth-username", "")),
        claims={},
        _subject=subject,
        _revocations=revocations,
    )


def _said_at(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return time.time()


def _claims(token: str | None) -> dict[str, str]:
    """Of a token that Keyward has just found genuine."""
    try:
        part = (token or "").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
