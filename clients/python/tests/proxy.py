"""Stands between a verifier and Keyward, and sees what is asked, and on how many connections; or in Keyward's place."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_ASKED = re.compile(rb"(?:GET|POST) (\S+) HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)


class Proxy:
    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.asked: list[str] = []
        self.heads: list[str] = []
        self._to = port
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Ends all connections; new ones are taken."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._listener.close()
        self.cut()

    def count(self, path: str) -> int:
        return self.asked.count(path)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        # One that does not trust the certificate hangs up here.
        with suppress(OSError):
            near = self._tls.wrap_socket(near, server_side=True) if self._tls else near
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            self._pass(far, near, False)

    def _pass(self, source: socket.socket, to: socket.socket, is_asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_asking:
                    self._note(data)
                to.sendall(data)
        for one in (source, to):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _note(self, data: bytes) -> None:
        for found in _ASKED.finditer(data):
            self.asked.append(found[1].decode())
            self.heads.append(found[0].decode("latin-1"))


@contextmanager
def answering(answers: dict[bytes, bytes]) -> Iterator[str]:
    """One answer for a connection, by what the path ends with."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    path = connection.recv(65536).split(b" ")[1]
                    connection.sendall(next(answer for end, answer in answers.items() if path.endswith(end)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
