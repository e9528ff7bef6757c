"""The same connections for an event loop, which they never block."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable

from .wire import Address, Answer, AnswerReader, Away

_MOST = 100
_LONGEST_IDLE = 20.0


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.idle_since = 0.0

    @property
    def is_usable(self) -> bool:
        is_fresh = time.monotonic() - self.idle_since < _LONGEST_IDLE
        return is_fresh and not self.reader.at_eof() and not self.writer.is_closing()


class AsyncConnections:
    def __init__(self, address: Address, timeout: float, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._timeout = timeout
        self._tls = tls if tls or not address.is_tls else ssl.create_default_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(_MOST)

    async def ask(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes | None = None
    ) -> Answer:
        """Raises `Away` when there is no answer in time."""
        request = self._address.request(method, path, headers, body)
        self._belong_to(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(self._timeout), self._places:
                # What was idle may have been closed meanwhile, by a restart say: that is no reason to give up.
                if (idle := self._take()) and (answer := await self._try_idle(idle, request)):
                    return answer
                return await self._exchange(await self._connect(), request, AnswerReader())
        except OSError as error:
            raise Away(str(error) or "no answer in time") from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop().writer.close()

    def _belong_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forgets what belongs to another loop: it cannot be used, nor closed, from this one."""
        if self._loop is not loop:
            self._loop, self._idle, self._places = loop, [], asyncio.Semaphore(_MOST)

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.writer.close()
        return None

    async def _try_idle(self, connection: _Connection, request: bytes) -> Answer | None:
        reader = AnswerReader()
        try:
            return await self._exchange(connection, request, reader)
        except TimeoutError:
            raise
        except (OSError, Away):
            if reader.has_begun:
                raise
            return None

    async def _exchange(self, connection: _Connection, request: bytes, reader: AnswerReader) -> Answer:
        answer = None
        try:
            connection.writer.write(request)
            await connection.writer.drain()
            while answer is None:
                answer = reader.feed(await connection.reader.read(65536))
        finally:
            # Also where the question was given up: what is under way on it is not for the next one.
            if answer and answer.keeps:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            else:
                connection.writer.close()
        return answer

    async def _connect(self) -> _Connection:
        address = self._address
        name = address.host if self._tls else None
        opened = asyncio.open_connection(address.host, address.port, ssl=self._tls, server_hostname=name)
        reader, writer = await opened
        if isinstance(plain := writer.get_extra_info("socket"), socket.socket):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Connection(reader, writer)
