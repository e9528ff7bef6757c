"""What Keyward's middleware costs a Python server: each app without it, with it asking the check, and with it verifying
tokens here, in turn. Keyward is `KEYWARD`, a release build:

    KEYWARD=target/release/keyward clients/python/run bench/middleware/python.py

One client asks one thing after another, over one connection, or a new one each time where the server keeps none (that of
Werkzeug). `÷ bare` compares with the app without middleware, in the same run; CPU is
the app's own. Both are those of the best round: what else the machine does is no cost of the middleware.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "clients/python/tests"))

from servers import AppServer, Keyward  # noqa: E402

ROUNDS = 7
SECONDS = 1.0
SERVERS = {
    "ASGI middleware, uvicorn": (["-m", "uvicorn", "python_apps:asgi", "--port", "PORT", "--no-access-log"], "/asgi"),
    "FastAPI dependency, uvicorn": (["-m", "uvicorn", "python_apps:api", "--port", "PORT", "--no-access-log"], "/api"),
    "WSGI middleware, werkzeug": (["-m", "python_apps", "PORT"], "/wsgi"),
}
WAYS = ["bare", "check", "local"]


@dataclass
class Measured:
    app: AppServer
    latencies: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)

    def round(self, path: str, token: str) -> None:
        """Asks for a while; keeps the median time of an answer, and the CPU that each took, in microseconds."""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        times: list[float] = []
        client = Client(self.app.port)
        began, used = time.perf_counter(), self._cpu()
        while time.perf_counter() - began < SECONDS:
            times.append(client.ask(head))
        self.latencies.append(statistics.median(times) * 1e6)
        self.cpus.append((self._cpu() - used) / len(times) * 1e6)

    def _cpu(self) -> float:
        words = Path(f"/proc/{self.app.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def ask(self, head: bytes) -> float:
        """Seconds until the answer is there."""
        began = time.perf_counter()
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sendall(head)
        answer = b""
        while not answer.endswith(b"hello"):
            more = self._connection.recv(65536)
            assert more and answer[:12] in (b"", b"HTTP/1.1 200"), answer
            answer += more
        took = time.perf_counter() - began
        if b"connection: close" in answer.lower():
            self._connection.close()
            self._connection = None
        return took


def measure(keyward: Keyward, name: str) -> None:
    command, path = SERVERS[name]
    token = keyward.sign_in("anna")["access_token"]
    apps = {way: Measured(AppServer(keyward, command, way, PYTHONPATH=python_path())) for way in WAYS}
    for measured in apps.values():
        measured.round(path, token)
        measured.latencies.clear()
        measured.cpus.clear()
    for _ in range(ROUNDS):
        for measured in apps.values():
            measured.round(path, token)
    for way, measured in apps.items():
        print(row(f"{name}: {way}", measured, apps["bare"]))
        measured.app.stop()


def row(name: str, measured: Measured, bare: Measured) -> str:
    latency, cpu = min(measured.latencies), min(measured.cpus)
    slower, busier = latency / min(bare.latencies), cpu / min(bare.cpus)
    return f"| {name} | {latency:.0f} | {slower:.2f} | {cpu:.0f} | {busier:.2f} |"


def python_path() -> str:
    return os.pathsep.join([str(HERE), os.environ["PYTHONPATH"]])


def main() -> None:
    keyward = Keyward({"anna": []})
    print("| server | answer, µs | ÷ bare | CPU of the app, µs | ÷ bare |\n|---|---:|---:|---:|---:|")
    for name in SERVERS:
        measure(keyward, name)
    keyward.stop()


if __name__ == "__main__":
    main()
