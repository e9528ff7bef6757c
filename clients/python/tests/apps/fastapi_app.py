"""A FastAPI app whose paths ask for an identity each by itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from verifying import OPTIONS, URL, who

import keyward.fastapi
from keyward import AsyncVerifier, Identity

app = FastAPI()
keyward.fastapi.install(app, AsyncVerifier(URL, **OPTIONS))
running: set[object] = set()
Anybody = Annotated[Identity, Depends(keyward.fastapi.requires())]


@app.get("/open")
async def open_to_all() -> dict[str, int]:
    return {"running": len(running)}


@app.api_route("/me", methods=["GET", "POST"])
async def me(identity: Anybody, request: Request) -> dict[str, object]:
    return who(identity, request.headers.keys())


@app.get("/admin")
async def admin(identity: Identity = Depends(keyward.fastapi.requires(role="admin"))) -> str:
    return identity.user


@app.get("/payments")
async def payments(identity: Identity = Depends(keyward.fastapi.requires(acr="2"))) -> str:
    return identity.user


@app.get("/recent")
async def recent(identity: Identity = Depends(keyward.fastapi.requires(max_age=0))) -> str:
    return identity.user


@app.get("/cached")
async def cached(identity: Anybody) -> PlainTextResponse:
    return PlainTextResponse(identity.user, headers={"cache-control": "max-age=60"})


@app.get("/thrice", dependencies=[Depends(keyward.fastapi.requires())])
async def thrice(one: keyward.fastapi.SignedIn, other: Anybody) -> str:
    return other.user if one is other else ""


mounted = FastAPI()
app.mount("/mounted", mounted)


@mounted.get("/me")
async def mounted_me(identity: keyward.fastapi.SignedIn) -> str:
    return identity.user


async def ticks(user: str) -> AsyncIterator[str]:
    own = object()
    running.add(own)
    try:
        yield f"data: {user}\n\n"
        await asyncio.sleep(3600)
        yield "never"
    finally:
        running.discard(own)


@app.get("/events")
async def events(identity: Anybody) -> StreamingResponse:
    return StreamingResponse(ticks(identity.user), media_type="text/event-stream")


@app.get("/until")
async def until(identity: Anybody) -> StreamingResponse:
    return StreamingResponse(identity.until_ended(ticks(identity.user)), media_type="text/plain")


@app.websocket("/socket")
async def socket(websocket: WebSocket, identity: Anybody) -> None:
    running.add(websocket)
    await websocket.accept()
    await websocket.send_text(identity.user)
    async for text in websocket.iter_text():
        await websocket.send_text(text)
    running.discard(websocket)
