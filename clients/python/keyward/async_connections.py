"""The same connections for event loops, which they never block. They are sockets, and belong to no loop: one loop may
come after another, as in tests, or several run in threads."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from .async_tls import TlsPipe
from .wire import Address, Answer, AnswerReader, Away

_MOST = 100
_LONGEST_IDLE = 20.0


class _Pipe:
    """An open connection without TLS."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._plain, data)

    async def receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._plain, 65536)

    def close(self) -> None:
        self._plain.close()


class AsyncConnections:
    def __init__(self, address: Address, timeout: float, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._timeout = timeout
        self._tls = tls if tls or not address.is_tls else ssl.create_default_context()
        self._idle: deque[tuple[_Pipe | TlsPipe, float]] = deque()
        self._places: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}

    async def ask(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None = None
    ) -> Answer:
        """Raises `Away` when there is no answer in time."""
        request = self._address.request(method, path, headers, body)
        try:
            async with asyncio.timeout(self._timeout), self._place():
                # What was idle may have been closed meanwhile, by a restart say: that is no reason to give up.
                if (idle := self._take()) and (answer := await self._try_idle(idle, request)):
                    return answer
                return await self._exchange(await self._connect(), request, AnswerReader())
        except OSError as error:
            raise Away(str(error) or "no answer in time") from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    def _place(self) -> asyncio.Semaphore:
        """So many at once in one loop. Those of loops that are over are forgotten."""
        loop = asyncio.get_running_loop()
        if (place := self._places.get(loop)) is None:
            place = asyncio.Semaphore(_MOST)
            living = {one: its for one, its in self._places.items() if not one.is_closed()}
            self._places = {**living, loop: place}
        return place

    def _take(self) -> _Pipe | TlsPipe | None:
        while self._idle:
            try:
                pipe, since = self._idle.pop()
            except IndexError:  # Another thread was faster.
                return None
            if time.monotonic() - since < _LONGEST_IDLE:
                return pipe
            pipe.close()
        return None

    async def _try_idle(self, pipe: _Pipe | TlsPipe, request: bytes) -> Answer | None:
        reader = AnswerReader()
        try:
            return await self._exchange(pipe, request, reader)
        except TimeoutError:
            raise
        except (OSError, Away):
            if reader.has_begun:
                raise
            return None

    async def _exchange(self, pipe: _Pipe | TlsPipe, request: bytes, reader: AnswerReader) -> Answer:
        answer = None
        try:
            await pipe.send(request)
            while answer is None:
                answer = reader.feed(await pipe.receive())
        finally:
            # Also where the question was given up: what is under way on it is not for the next one.
            if answer and answer.keeps and len(self._idle) < _MOST:
                self._idle.append((pipe, time.monotonic()))
            else:
                pipe.close()
        return answer

    async def _connect(self) -> _Pipe | TlsPipe:
        plain = await self._dial()
        if not self._tls:
            return _Pipe(plain)
        pipe = TlsPipe(plain, self._tls, self._address.host)
        try:
            await pipe.greet()
        except BaseException:
            pipe.close()
            raise
        return pipe

    async def _dial(self) -> socket.socket:
        """To the first of the host's addresses that answers."""
        address, trouble = self._address, OSError("the host has no address")
        loop = asyncio.get_running_loop()
        for family, *_, place in await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
            try:
                return await _dialled(family, place)
            except OSError as error:
                trouble = error
        raise trouble


async def _dialled(family: int, place: tuple[Any, ...]) -> socket.socket:
    plain = socket.socket(family, socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(plain, place)
    except BaseException:
        plain.close()
        raise
    return plain
