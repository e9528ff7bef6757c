"""A plain WSGI app, each path of which has the WSGI middleware in front. Its argument is its port."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from verifying import OPTIONS, URL, who
from werkzeug.serving import run_simple

from keyward import Verifier
from keyward.wsgi import Middleware, identity

verifier = Verifier(URL, **OPTIONS)
Start = Callable[..., Any]


def headers_of(environ: dict[str, Any]) -> list[str]:
    return [name.removeprefix("HTTP_") for name in environ if name.startswith("HTTP_")]


def open_to_all(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]


def me(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(who(identity(environ), headers_of(environ))).encode()]


def cached(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [("Cache-Control", "max-age=60"), ("Vary", "accept")])
    return [b""]


def events(environ: dict[str, Any], start: Start) -> Iterator[bytes]:
    start("200 OK", [("Content-Type", "text/event-stream")])
    while True:
        yield b"data: tick\n\n"
        time.sleep(0.02)


PATHS = {
    "/open": open_to_all,
    "/me": Middleware(me, verifier),
    "/admin": Middleware(me, verifier, role="admin"),
    "/payments": Middleware(me, verifier, acr="2"),
    "/recent": Middleware(me, verifier, max_age=0),
    "/cached": Middleware(cached, verifier),
    "/events": Middleware(events, verifier),
}


def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    return PATHS[environ["PATH_INFO"]](environ, start)


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
