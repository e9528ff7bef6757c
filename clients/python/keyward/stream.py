"""Follows `GET /v1/revocations` in a thread of its own, for ever: one stream for a process."""

from __future__ import annotations

import base64
import http.client
import json
import random
import ssl
import threading
import time
from collections.abc import Iterator

from .connections import connected
from .revocations import Revocations, elapsed
from .trouble import Trouble
from .wire import Address, Away

_SILENCE = 4.0
"""A status comes every second. After so many without anything, the connection is dead."""
_LONGEST_LINE = 16 * 1024 * 1024


def basic(app: str, secret: str) -> str:
    """The credential of a confidential app (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{app}:{secret}".encode()).decode()


class Stream:
    def __init__(
        self, address: Address, credential: str, revocations: Revocations, tls: ssl.SSLContext | None
    ) -> None:
        self._address = address
        self._credential = credential
        self._revocations = revocations
        self._tls = tls if tls or not address.is_tls else ssl.create_default_context()
        self._last_id = ""
        self._trouble = Trouble("the stream of revocations")
        self._closed = threading.Event()
        threading.Thread(target=self._follow_for_ever, name="keyward-revocations", daemon=True).start()

    def close(self) -> None:
        """It ends within seconds; trust ends by itself."""
        self._closed.set()

    def _follow_for_ever(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except Exception as error:  # Whatever it is: trust ends by itself, and the next try may do.
                self._trouble.note(error)
            self._revocations.lapse()
            self._closed.wait(random.uniform(0.2, 0.8))

    def _follow(self) -> None:
        connection = self._connect()
        try:
            headers = {"Authorization": self._credential, "Accept": "text/event-stream"}
            if self._last_id:
                headers["Last-Event-ID"] = self._last_id
            connection.request("GET", f"{self._address.path}/v1/revocations", headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise Away(f"/v1/revocations answers {answer.status}")
            self._read(answer)
        finally:
            connection.close()

    def _read(self, answer: http.client.HTTPResponse) -> None:
        event: dict[str, str] = {}
        for line in self._lines(answer):
            if line:
                name, _, value = line.partition(":")
                event[name] = value.removeprefix(" ")
            elif "event" in event and "data" in event:
                self._revocations.take(event["event"], json.loads(event["data"]))
                self._revocations.lapse()
                self._last_id = event.get("id", self._last_id)
                self._trouble.over()
                event = {}
            else:
                event = {}

    def _lines(self, answer: http.client.HTTPResponse) -> Iterator[str]:
        heard = elapsed()
        while not self._closed.is_set() and (line := answer.readline(_LONGEST_LINE)):
            # After a time in which this process was stopped, what waits here may be of long ago.
            if elapsed() - heard > _SILENCE:
                raise Away("nothing was read for too long")
            heard = elapsed()
            yield line.decode().rstrip("\r\n")

    def _connect(self) -> http.client.HTTPConnection:
        address = self._address
        connection = http.client.HTTPConnection(address.authority)
        connection.sock = connected(address, self._tls, time.monotonic() + _SILENCE)
        connection.sock.settimeout(_SILENCE)
        return connection
