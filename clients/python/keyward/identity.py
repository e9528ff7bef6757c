"""Who asks, and whether the session that says so goes on."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .revocations import Revocations, Subject

T = TypeVar("T")


class NoStream(RuntimeError):
    """The end of a session is told to confidential apps alone: give the verifier `app` and `secret`."""


@dataclass(frozen=True, eq=False)
class Identity:
    """Somebody whom Keyward has let in.

    It ends when its session does, or the token it was read from is revoked, or the user's roles change (`outdated`),
    or nobody can tell any more (`stale`). What stays open longer than a request, a WebSocket say, should end with it.
    """

    user: str
    session: str
    app: str
    roles: frozenset[str]
    username: str | None
    """The name at the time of the sign-in; `None` where a token does not say it."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """The token's; empty where Keyward was asked."""
    # Of an identity that a test has made there is nothing to revoke.
    _subject: Subject = field(default=Subject("", "", 0), repr=False)
    _revocations: Revocations | None = field(default=None, repr=False)

    @property
    def can_end(self) -> bool:
        """Whether this process is told of ends."""
        return self._revocations is not None

    def on_end(self, ended: Callable[[str], None]) -> Callable[[], None]:
        """Has `ended` called once with the reason, from another thread; at once, where it is over already.

        Returns what takes that back: call it when you no longer need to know.
        """
        if self._revocations is None:
            raise NoStream
        return self._revocations.watch(self._subject, ended)

    @property
    def ended(self) -> threading.Event:
        """Is set when it has ended. For threads; see `wait_ended` for event loops."""
        event: _End | None = self.__dict__.get("_event")
        if event is None:
            event = self.__dict__["_event"] = _End(self)
            forget = self.on_end(_sets(event))
            weakref.finalize(self, forget).atexit = False
        return event

    async def wait_ended(self) -> str:
        """Returns the reason once it has ended."""
        ended, forget = self._ending()
        try:
            return await ended
        finally:
            forget()

    async def until_ended(self, items: AsyncIterable[T]) -> AsyncGenerator[T, None]:
        """The items, until it ends: then no other comes, also where the next one is still awaited."""
        ended: asyncio.Future[Any]
        ended, forget = self._ending()
        source = aiter(items)
        try:
            while not ended.done():
                step: asyncio.Future[Any] = asyncio.ensure_future(_next(source))
                try:
                    await asyncio.wait({step, ended}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not step.done():
                        step.cancel()
                        await asyncio.wait({step})
                if ended.done() or (item := step.result()) is None:
                    return
                yield item[0]
        finally:
            forget()
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    def _ending(self) -> tuple[asyncio.Future[str], Callable[[], None]]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def settle(why: str) -> None:
            if not ended.done():
                ended.set_result(why)

        return ended, self.on_end(lambda why: _from_outside(loop, settle, why))


class _End(threading.Event):
    """Keeps the identity alive, with which its watch goes."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._identity = identity


def _from_outside(loop: asyncio.AbstractEventLoop, settle: Callable[[str], None], why: str) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, why)


def _sets(event: threading.Event) -> Callable[[str], None]:
    """Does not keep the event alive: whoever waits for it does."""
    reference = weakref.ref(event)

    def ended(_: str) -> None:
        if (event := reference()) is not None:
            event.set()

    return ended


async def _next(source: Any) -> tuple[Any] | None:
    """The next item, in a tuple, since it may be `None`; or none any more."""
    async for item in source:
        return (item,)
    return None
