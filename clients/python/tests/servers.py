"""Real servers for tests: Keyward, embedded in a folder of its own, and apps beside it. All end with the tests, also
where those are killed."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
PASSWORD = "correct horse battery"
GUARD = '"$@" & pid=$!; echo $pid >&3; read -r _; kill -9 $pid; wait $pid'
"""Waits on a pipe from this process, and kills the command when that ends, in whatever way."""


class Guarded:
    """A command that ends with this process."""

    def __init__(self, command: list[str], log: Path, cwd: Path, env: Mapping[str, str]) -> None:
        reading, writing = os.pipe()
        guard = f"exec 3>&{writing}; {GUARD}"
        with open(log, "ab") as out:
            self._guard = subprocess.Popen(
                ["bash", "-c", guard, "guard", *command],
                stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=cwd, env=env, pass_fds=[writing],
            )
        os.close(writing)
        with open(reading) as pipe:
            self.pid = int(pipe.readline())

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    @property
    def is_alive(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()

    def stop(self) -> None:
        assert self._guard.stdin
        self._guard.stdin.close()
        self._guard.wait()


# It begins elsewhere in each process, so that two that look at once find two.
_ports = itertools.count(os.getpid() * 997)


def free_port() -> int:
    """Below those that connections are given, and above the last that browsers refuse."""
    while True:
        port = 11_000 + next(_ports) % 21_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(ask: Callable[[], T], what: str, patience: float = 30.0) -> T:
    """Asks until the answer is true; a server that is not there yet is no answer."""
    end = time.monotonic() + patience
    while True:
        try:
            if answer := ask():
                return answer
        except (httpx.HTTPError, OSError):
            pass
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.02)


class Keyward:
    """Its users have `PASSWORD`; the app `api` is confidential, `web` has the origin `https://app.test`."""

    def __init__(self, users: Mapping[str, list[str]], **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="keyward-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {
            "SERVER_LISTEN": f"127.0.0.1:{self.port}",
            "SERVER_MANAGEMENT_LISTEN": f"127.0.0.1:{free_port()}",
            "SERVER_PUBLIC_URL": self.url,
            "RATE_LIMIT_SESSION_REQUESTS": "1000000",
        }
        mine = {f"KEYWARD_{name}": value for name, value in (own | settings).items()}
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | mine
        self.run("migrate")
        for name, roles in users.items():
            words = [word for role in roles for word in ("--role", role)]
            self.run("user", "add", name, *words, "--password-stdin", said=f"{PASSWORD}\n")
        self.secret = self.run("app", "add", "api", "--confidential").strip()
        self.run("app", "add", "web", "--origin", "https://app.test")
        self.begin()

    def run(self, *words: str, said: str = "") -> str:
        """What one of Keyward's commands prints."""
        done = subprocess.run(
            [os.environ["KEYWARD"], *words],
            cwd=self.folder, env=self._environment, input=said, capture_output=True, text=True,
        )
        assert done.returncode == 0, f"keyward {' '.join(words)}: {done.stderr}"
        return done.stdout

    def begin(self) -> None:
        """Starts it, also again; returns once it is ready."""
        command = [os.environ["KEYWARD"]]
        self.process = Guarded(command, self.folder / "log", self.folder, self._environment)
        until(lambda: httpx.get(f"{self.url}/healthz").is_success, "Keyward is ready")

    def pause(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sign_in(self, user: str, transport: str = "body") -> dict[str, Any]:
        body = {"username": user, "password": PASSWORD, "app": "web", "transport": transport}
        answer = httpx.post(f"{self.url}/v1/login", json=body, headers={"origin": "https://app.test"})
        assert answer.is_success, answer.text
        return {**answer.json(), "cookies": dict(answer.cookies)}

    def sign_out(self, token: str) -> None:
        answer = httpx.post(f"{self.url}/v1/logout", headers=bearer(token))
        assert answer.status_code == 204, answer.text


class AppServer:
    """An app of `apps/` under the server that suits it; `way` is how it finds out who asks."""

    def __init__(
        self, keyward: Keyward, command: list[str], way: str, cwd: Path | None = None, **more: str
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        here = Path(__file__).parent
        self.log = keyward.folder / f"app-{self.port}.log"
        environment = {
            **os.environ,
            "KEYWARD_URL": keyward.url,
            "KEYWARD_SECRET": keyward.secret,
            "KEYWARD_WAY": way,
            "PYTHONPATH": os.pathsep.join([str(cwd or here / "apps"), os.environ.get("PYTHONPATH", "")]),
            **more,
        }
        command = [sys.executable, *(word.replace("PORT", str(self.port)) for word in command)]
        self.process = Guarded(command, self.log, cwd or keyward.folder, environment)
        until(self._is_there, "the app is there", 60)

    def _is_there(self) -> bool:
        assert self.process.is_alive, self.log.read_text()
        return httpx.get(f"{self.url}/open", timeout=30).status_code < 600

    def get(self, path: str, token: str | None = None, headers: Mapping[str, str] | None = None) -> httpx.Response:
        credential = bearer(token) if token else {}
        return httpx.get(self.url + path, headers={**(headers or {}), **credential}, timeout=60)

    def stop(self) -> None:
        self.process.stop()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
