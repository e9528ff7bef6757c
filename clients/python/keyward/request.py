"""What a verifier looks at of a request: the credential, and where it came from. Nothing else leaves the app."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SESSION_COOKIES = ("__Host-keyward-session", "keyward-session")
"""Over https, and over plain http on a loopback address."""

_FORWARDED = ("authorization", "cookie", "origin", "sec-fetch-site", "x-request-id", "traceparent")
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/=]+")
_METHOD = re.compile(r"[A-Za-z]{1,32}")
_LONGEST = 32_768
"""Characters of what is forwarded, in all. Keyward reads 64 KiB of headers; that it refuses more is no outage."""
_CONTROL = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Request:
    """Make one with `Request.of`, which keeps what is needed."""

    method: str
    headers: tuple[tuple[str, str], ...]
    client: str | None

    @classmethod
    def of(cls, method: str, headers: Iterable[tuple[str, str]], client: str | None = None) -> Request:
        """From the headers as they came, repeated ones too; `client` is the address, if it is known.

        A WebSocket's method is `CONNECT`: it can do more than a GET, so that a session cookie counts from pages of
        the app's own origins alone.
        """
        kept = []
        for name, value in headers:
            name = name.lower()
            if name == "cookie":
                value = _own_cookies(value)
            if name in _FORWARDED and (value or name != "cookie"):
                kept.append((name, value))
        return cls(method, tuple(kept), client)

    @property
    def is_readable(self) -> bool:
        """Whether it can be put to Keyward: it says no more than one header says, and no more than Keyward reads."""
        said = [value for _, value in self.headers] + [self.client or ""]
        return sum(map(len, said)) <= _LONGEST and not any(_CONTROL.search(value) for value in said)

    @property
    def reported_method(self) -> str:
        """The method, or a word that counts as one that changes state."""
        return self.method if _METHOD.fullmatch(self.method) else "UNREADABLE"

    @property
    def has_session_cookie(self) -> bool:
        return any(name == "cookie" for name, _ in self.headers)

    @property
    def bearer(self) -> str | None:
        """The access token; `None` if there is none; empty if there is something else than one bearer token."""
        lines = [value for name, value in self.headers if name == "authorization"]
        if not lines:
            return None
        scheme, _, token = lines[0].partition(" ")
        if len(lines) > 1 or (scheme.lower() != "bearer" and "," in lines[0]):
            return ""
        if scheme.lower() != "bearer":
            return None
        return token if _TOKEN.fullmatch(token) else ""


def _own_cookies(line: str) -> str:
    pairs = (pair.strip() for pair in line.split(";"))
    return "; ".join(pair for pair in pairs if pair.partition("=")[0] in SESSION_COOKIES)
