"""The package as it is given away: what the wheel holds, and its types, by mypy's strictest."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import keyward

HERE = Path(__file__).parent
CONSUMER = """
from __future__ import annotations
from typing import Annotated
import asyncio
import keyward
import keyward.asgi, keyward.django, keyward.fastapi, keyward.flask, keyward.wsgi
from fastapi import Depends, FastAPI
from flask import Flask

app = FastAPI()
verifier = keyward.AsyncVerifier("http://127.0.0.1", app="a", secret="s", local=True)
keyward.fastapi.install(app, verifier)
keyward.flask.install(Flask(__name__), keyward.Verifier("http://127.0.0.1"))
keyward.flask.install(Flask(__name__), "http://127.0.0.1")

@app.get("/")
async def me(identity: Annotated[keyward.Identity, Depends(keyward.fastapi.requires(role="x"))]) -> str | None:
    return identity.username

@app.get("/name")
async def name(identity: keyward.fastapi.SignedIn) -> str:
    return identity.user

def names(scope: keyward.asgi.Scope, environ: dict[str, object], request: object) -> list[str]:
    found = [keyward.asgi.identity(scope), keyward.wsgi.identity(environ), keyward.django.identity(request)]
    return [one.user for one in found]

@keyward.flask.requires(acr="2")
def view(number: int) -> str:
    return keyward.flask.identity().user

async def asks(request: keyward.Request) -> int:
    found = await verifier.verify(request, keyward.Demand(max_age=5))
    return found.status if isinstance(found, keyward.Refusal) else len(found.roles)

reveal_type(view)
view("no number")
"""


def mypy(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # What both runs look at, they look at once.
    cache = str(Path(tempfile.gettempdir()) / "mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def wheel() -> zipfile.ZipFile:
    return zipfile.ZipFile(os.environ["WHEEL"])


def test_the_wheel_holds_the_package_its_types_and_its_licences(wheel: zipfile.ZipFile) -> None:
    installed = Path(keyward.__file__).parent
    sources = {str(path.relative_to(installed.parent)) for path in installed.rglob("*.py")}
    names = set(wheel.namelist())
    info = f"keyward-{keyward.__version__}.dist-info/"
    about = {f"{info}{name}" for name in
             ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE-MIT", "licenses/LICENSE-APACHE")}
    assert names == sources | {"keyward/py.typed"} | about
    assert {"keyward/asgi.py", "keyward/django/sessions.py", "keyward/fastapi.py"} <= names


def test_the_wheel_needs_nothing_and_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    about = Parser().parsestr(wheel.read(name).decode())
    assert (about["Name"], about["Version"]) == ("keyward", keyward.__version__)
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "Apache-2.0 OR MIT"
    assert [one for one in about.get_all("Requires-Dist", []) if "extra ==" not in one] == []
    assert about.get_all("Provides-Extra") == ["local"]


def test_the_core_needs_nothing_but_python(tmp_path: Path) -> None:
    site = Path(keyward.__file__).parent.parent
    program = f"""
import sys
sys.path = [{str(site)!r}] + [path for path in sys.path if "site-packages" not in path]
import keyward, keyward.asgi, keyward.wsgi
keyward.Verifier("http://127.0.0.1:1"), keyward.AsyncVerifier("http://127.0.0.1:1")
try:
    keyward.Verifier("http://127.0.0.1:1", app="a", secret="s", local=True)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.stdout == "local=True needs PyJWT and cryptography: pip install 'keyward[local]'\n", done.stderr


def test_the_package_passes_mypy_strict(tmp_path: Path) -> None:
    done = mypy("--config-file", str(HERE.parent / "pyproject.toml"), str(Path(keyward.__file__).parent), cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_who_uses_the_package_has_its_types(tmp_path: Path) -> None:
    (tmp_path / "consumer.py").write_text(CONSUMER)
    done = mypy("consumer.py", cwd=tmp_path)
    revealed, wrong, _ = done.stdout.splitlines()
    assert "def (number: int) ->" in revealed, done.stdout
    assert 'incompatible type "str"; expected "int"' in wrong
