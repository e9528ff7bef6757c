"""TLS over a socket that belongs to no event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class TlsPipe:
    """`greet` comes first, which looks at the certificate. An end that is not said raises, as what was cut off does."""

    def __init__(self, plain: socket.socket, tls: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._came, self._leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._came, self._leaves, server_hostname=host)

    async def greet(self) -> None:
        await self._through(self._tls.do_handshake)

    async def send(self, data: bytes) -> None:
        while data:
            sent = await self._through(partial(self._tls.write, data))
            data = data[sent:]

    async def receive(self) -> bytes:
        """Nothing is the end of the connection."""
        return await self._through(partial(self._tls.read, 65536))

    def close(self) -> None:
        self._plain.close()

    async def _through(self, act: Callable[[], T]) -> T:
        """Does it, with what the other side has to say to it first."""
        loop = asyncio.get_running_loop()
        while True:
            done: tuple[T] | None = None
            try:
                done = (act(),)
            except ssl.SSLWantReadError:
                pass
            if self._leaves.pending:
                await loop.sock_sendall(self._plain, self._leaves.read())
            if done:
                return done[0]
            if came := await loop.sock_recv(self._plain, 65536):
                self._came.write(came)
            else:
                self._came.write_eof()
