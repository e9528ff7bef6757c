"""The apps of `python.py`: each says hello, with Keyward in front or without, as `KEYWARD_WAY` says."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse
from werkzeug.serving import WSGIRequestHandler, run_simple

import keyward.asgi
import keyward.fastapi
import keyward.wsgi
from keyward import AsyncVerifier, Verifier

URL, WAY = os.environ["KEYWARD_URL"], os.environ["KEYWARD_WAY"]
OPTIONS: dict[str, Any] = {"app": "api", "secret": os.environ["KEYWARD_SECRET"], "local": WAY == "local"}
HELLO = b"hello"


async def asgi_hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": HELLO})


def wsgi_hello(environ: Any, start: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [HELLO]


async def nobody() -> None:
    return None


api = FastAPI()
needed = nobody if WAY == "bare" else keyward.fastapi.requires()


@api.get("/api")
async def api_hello(identity: Any = Depends(needed)) -> PlainTextResponse:
    return PlainTextResponse(HELLO)


asgi, wsgi = asgi_hello, wsgi_hello
if WAY != "bare":
    keyward.fastapi.install(api, AsyncVerifier(URL, **OPTIONS))
    asgi = keyward.asgi.Middleware(asgi_hello, AsyncVerifier(URL, **OPTIONS))
    wsgi = keyward.wsgi.Middleware(wsgi_hello, Verifier(URL, **OPTIONS))


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), wsgi, threaded=True, request_handler=Handler)
