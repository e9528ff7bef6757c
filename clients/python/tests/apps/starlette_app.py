"""A Starlette app, each path of which has the ASGI middleware in front."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket
from verifying import OPTIONS, URL, who

import keyward.asgi
from keyward import AsyncVerifier
from keyward.asgi import identity

verifier = AsyncVerifier(URL, **OPTIONS)


async def open_to_all(request: Request) -> JSONResponse:
    return JSONResponse({})


async def me(request: Request) -> JSONResponse:
    return JSONResponse(who(identity(request.scope), request.headers.keys()))


async def cached(request: Request) -> PlainTextResponse:
    return PlainTextResponse("", headers={"cache-control": "max-age=60", "vary": "accept"})


async def events(request: Request) -> StreamingResponse:
    async def ticks() -> AsyncIterator[str]:
        yield f"data: {identity(request.scope).user}\n\n"
        await asyncio.sleep(3600)

    return StreamingResponse(ticks(), media_type="text/event-stream")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(identity(websocket.scope).user)
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def guarded(path: str, endpoint: Any, **demand: Any) -> BaseRoute:
    middleware = [Middleware(keyward.asgi.Middleware, verifier=verifier, **demand)]
    if endpoint is socket:
        return WebSocketRoute(path, endpoint, middleware=middleware)
    return Route(path, endpoint, methods=["GET", "POST"], middleware=middleware)


app = Starlette(
    routes=[
        Route("/open", open_to_all),
        guarded("/me", me),
        guarded("/admin", me, role="admin"),
        guarded("/payments", me, acr="2"),
        guarded("/recent", me, max_age=0),
        guarded("/cached", cached),
        guarded("/events", events),
        guarded("/socket", socket),
    ]
)
