"""HTTP/1.1 as far as Keyward speaks it (RFC 9112), without a socket: a request as bytes, and an answer from them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_NUMBERS = {10: re.compile("[0-9]{1,9}"), 16: re.compile("[0-9A-Fa-f]{1,8}")}
_LARGEST = 4 * 1024 * 1024


class Away(Exception):
    """Keyward cannot be asked now, or what answers is not Keyward."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where something of Keyward is: `path` is what comes before each path that is asked for."""

    host: str
    port: int
    is_tls: bool
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url} is no address such as https://auth.example.com")
        is_tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    def request(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None = None
    ) -> bytes:
        """The bytes to send. Who calls has seen to it that no value has a line break."""
        lines = [f"{method} {self.path}{path} HTTP/1.1", f"host: {self.authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"content-length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    keeps: bool
    """Whether the connection may be used again."""


class AnswerReader:
    """Puts an answer together from what a connection gives."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._head: tuple[int, dict[str, str]] | None = None

    @property
    def has_begun(self) -> bool:
        return bool(self._data) or self._head is not None

    def feed(self, data: bytes) -> Answer | None:
        """Takes what was read, and gives the answer once it is whole. Nothing read is the end of the connection."""
        self._data += data
        if len(self._data) > _LARGEST:
            raise Away("the answer is too large")
        if self._head is None:
            self._head = self._read_head()
        if self._head is not None and (body := self._body(self._head[1], is_end=not data)) is not None:
            status, headers = self._head
            keeps = self._is_all(headers) and headers.get("connection", "").lower() != "close"
            return Answer(status, headers, body, keeps)
        if not data:
            raise Away("the connection ended within an answer")
        return None

    def _read_head(self) -> tuple[int, dict[str, str]] | None:
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            status, headers = _head(bytes(self._data[:end]).decode("latin-1"))
            del self._data[: end + 4]
            if status >= 200:
                return status, headers
        return None

    def _body(self, headers: dict[str, str], *, is_end: bool) -> bytes | None:
        if "transfer-encoding" in headers:
            return _unchunked(self._data)
        length = _number(headers["content-length"], 10) if "content-length" in headers else None
        if length is None:
            return bytes(self._data) if is_end else None
        return bytes(self._data[:length]) if len(self._data) >= length else None

    def _is_all(self, headers: dict[str, str]) -> bool:
        """Whether nothing has come after the body, which would be taken for the next answer."""
        if "transfer-encoding" in headers:
            return self._data.endswith(b"\r\n\r\n")
        return "content-length" in headers and len(self._data) == int(headers["content-length"])


def _head(text: str) -> tuple[int, dict[str, str]]:
    first, *lines = text.split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1."):
        raise Away("what answers speaks no HTTP/1.1")
    headers: dict[str, str] = {"connection": "close"} if version == "HTTP/1.0" else {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return _number(rest[:3], 10), headers


def _unchunked(data: bytearray) -> bytes | None:
    """The body of chunks (RFC 9112 section 7.1); `None` if they are not all there."""
    body, at = b"", 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = _number(data[at:end].split(b";")[0].decode("latin-1"), 16)
        if size == 0:
            return body if data.find(b"\r\n\r\n", at) >= 0 else None
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
        if at > len(data):
            return None
    return None


def _number(text: str, base: int) -> int:
    if not _NUMBERS[base].fullmatch(text):
        raise Away("an answer that cannot be read")
    return int(text, base)
