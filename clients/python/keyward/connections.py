"""Connections to Keyward that stay open, for threads. A question has one bound of time, with all that it takes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future

from .wire import Address, Answer, AnswerReader, Away

_MOST_IDLE = 32
_LONGEST_IDLE = 20.0


class Connections:
    def __init__(self, address: Address, timeout: float, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._timeout = timeout
        self._tls = tls if tls or not address.is_tls else ssl.create_default_context()
        self._idle: deque[tuple[socket.socket, float]] = deque(maxlen=_MOST_IDLE)
        self._process = os.getpid()

    def ask(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None = None
    ) -> Answer:
        """Raises `Away` when there is no answer in time."""
        request = self._address.request(method, path, headers, body)
        deadline = time.monotonic() + self._timeout
        try:
            # What was idle may have been closed meanwhile, by a restart say: that is no reason to give up.
            if (idle := self._take()) and (answer := self._try_idle(idle, request, deadline)):
                return answer
            return self._exchange(connected(self._address, self._tls, deadline), request, AnswerReader(), deadline)
        except OSError as error:
            raise Away(str(error) or "no answer in time") from error

    @property
    def path(self) -> str:
        return self._address.path

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    def _take(self) -> socket.socket | None:
        if self._process != os.getpid():
            # A child must not share its parent's connections.
            self._idle.clear()
            self._process = os.getpid()
        try:
            connection, since = self._idle.pop()
        except IndexError:
            return None
        if time.monotonic() - since < _LONGEST_IDLE:
            return connection
        connection.close()
        return None

    def _try_idle(self, connection: socket.socket, request: bytes, deadline: float) -> Answer | None:
        reader = AnswerReader()
        try:
            return self._exchange(connection, request, reader, deadline)
        except TimeoutError:
            raise
        except (OSError, Away):
            if reader.has_begun:
                raise
            return None

    def _exchange(
        self, connection: socket.socket, request: bytes, reader: AnswerReader, deadline: float
    ) -> Answer:
        answer = None
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(request)
            while answer is None:
                connection.settimeout(_left(deadline))
                answer = reader.feed(connection.recv(65536))
        finally:
            if answer and answer.keeps and len(self._idle) < _MOST_IDLE:
                self._idle.append((connection, time.monotonic()))
            else:
                connection.close()
        return answer


def connected(address: Address, tls: ssl.SSLContext | None, deadline: float) -> socket.socket:
    """A new connection; raises `OSError` where there is none by then."""
    connection = _dial(address, deadline)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            connection.settimeout(_left(deadline))
            connection = tls.wrap_socket(connection, server_hostname=address.host)
    except BaseException:
        connection.close()
        raise
    return connection


def _dial(address: Address, deadline: float) -> socket.socket:
    """To the first of the host's addresses that answers, all within the time that is left."""
    trouble = OSError("the host has no address")
    for host in _hosts(address, deadline):
        try:
            return socket.create_connection((host, address.port), _left(deadline))
        except OSError as error:
            trouble = error
    raise trouble


def _hosts(address: Address, deadline: float) -> list[str]:
    """The host's addresses. How long to look them up is for the system to say: a thread of its own waits for that."""
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            found.set_result([str(place[0]) for *_, place in places])
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=look_up, name="keyward-look-up", daemon=True).start()
    return found.result(_left(deadline))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
