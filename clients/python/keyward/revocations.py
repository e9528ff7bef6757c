"""What Keyward has revoked, as its stream tells it, and who wants to know of it. For any number of threads.

Trust ends by itself: where no status has come in time, nobody knows what is revoked.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Ended = Callable[[str], None]
"""Is told why."""

STALE = "stale"
"""Nobody can tell any more whether the session goes on."""
OUTDATED = "outdated"
"""The user's roles are others now; the session goes on, and its next token says them."""

_BEATS_A_SWEEP = 60
_log = logging.getLogger("keyward")


class Entry(NamedTuple):
    until: float
    issued_before: float
    reason: str | None

    def refuses(self, issued: float, now: float) -> bool:
        return self.until > now and issued < self.issued_before

    @property
    def why(self) -> str:
        return self.reason or (OUTDATED if self.issued_before < math.inf else "revoked")


Key = tuple[str, str]
"""A claim and its value."""


@dataclass(frozen=True)
class Subject:
    """What can be revoked of an identity: its token, its session, its user; `issued` as its token's `iat`."""

    session: str
    user: str
    issued: float
    token: str | None = None

    @property
    def keys(self) -> list[Key]:
        own = [("sid", self.session), ("sub", self.user)]
        return own if self.token is None else [("jti", self.token), *own]


@dataclass(eq=False)
class _Watch:
    subject: Subject
    ended: Ended


def elapsed() -> float:
    """Seconds by a clock that nobody sets, and that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass
class Revocations:
    grace: float = 5.0
    """How long to wait for the first status before identities end as stale."""
    _refused: dict[Key, Entry] = field(default_factory=dict)
    _arriving: dict[Key, Entry] = field(default_factory=dict)
    _watches: dict[Key, set[_Watch]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _beats: int = 0

    def __post_init__(self) -> None:
        self._trusted_until = -math.inf
        self._started = elapsed()
        self.first_status: Future[None] = Future()

    @property
    def is_fresh(self) -> bool:
        return elapsed() <= self._trusted_until

    def refused(self, subject: Subject) -> Entry | None:
        """The entry that refuses it. Without trust (`is_fresh`), that there is none says nothing."""
        now = time.time()
        for key in subject.keys:
            entry = self._refused.get(key)
            if entry and entry.refuses(subject.issued, now):
                return entry
        return None

    def watch(self, subject: Subject, ended: Ended) -> Callable[[], None]:
        """Has `ended` called once, from any thread, when the subject is refused; at once, where it is already."""
        watch = _Watch(subject, ended)
        with self._lock:
            entry = self.refused(subject)
            if entry is None:
                for key in subject.keys:
                    self._watches.setdefault(key, set()).add(watch)
        if entry is not None:
            ended(entry.why)
        return lambda: self._forget(watch)

    def take(self, event: str, data: Mapping[str, Any]) -> None:
        """Takes an event of the stream; those that it does not know are skipped."""
        if event == "snapshot":
            self._take_snapshot(data)
        elif event in ("revoked", "restored"):
            key, entry = _entry(data)
            with self._lock:
                self._refused[key] = entry
                ended = self._end(set(self._watches.get(key, ())))
            _tell(ended)
        elif event == "status":
            self._take_status(float(data["good_for"]))

    def lapse(self) -> None:
        """Ends who is watched if nobody can tell any more. The stream's reader calls it again and again."""
        if self.is_fresh or elapsed() < self._started + self.grace:
            return
        with self._lock:
            ended = [(watch, STALE) for watch in self._watched()]
            self._watches.clear()
        _tell(ended)

    def _take_snapshot(self, data: Mapping[str, Any]) -> None:
        if data["first"]:
            self._arriving = {}
        self._arriving |= dict(map(_entry, data["entries"]))
        if not data["last"]:
            return
        with self._lock:
            self._refused, self._arriving = self._arriving, {}
            ended = self._end(self._watched())
        _tell(ended)

    def _take_status(self, good_for: float) -> None:
        self._trusted_until = elapsed() + good_for
        self._beats += 1
        if self._beats % _BEATS_A_SWEEP == 0:
            now = time.time()
            with self._lock:
                self._refused = {key: entry for key, entry in self._refused.items() if entry.until > now}
        if not self.first_status.done():
            self.first_status.set_result(None)

    def _watched(self) -> set[_Watch]:
        return set().union(*self._watches.values())

    def _end(self, watches: set[_Watch]) -> list[tuple[_Watch, str]]:
        """Takes out those that are refused now, with why. The lock is held."""
        found = [(watch, entry.why) for watch in watches if (entry := self.refused(watch.subject))]
        for watch, _ in found:
            self._take_out(watch)
        return found

    def _forget(self, watch: _Watch) -> None:
        with self._lock:
            self._take_out(watch)

    def _take_out(self, watch: _Watch) -> None:
        for key in watch.subject.keys:
            if watches := self._watches.get(key):
                watches.discard(watch)
                if not watches:
                    del self._watches[key]


def _entry(data: Mapping[str, Any]) -> tuple[Key, Entry]:
    key = (str(data["claim"]), str(data["value"]))
    return key, Entry(float(data["until"]), float(data.get("issued_before", math.inf)), data.get("reason"))


def _tell(ended: list[tuple[_Watch, str]]) -> None:
    """Without the lock: who is told may ask for more."""
    for watch, why in ended:
        try:
            watch.ended(why)
        except Exception:
            _log.exception("what was to be done at the end of a session failed")
