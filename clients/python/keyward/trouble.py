"""What goes wrong between this process and Keyward, for the log: once, however many requests it fails, and its end."""

from __future__ import annotations

import logging

_log = logging.getLogger("keyward")


class Trouble:
    def __init__(self, what: str) -> None:
        self._what = what
        self._known = ""

    def note(self, error: Exception) -> None:
        """Says it, unless it is what was said last."""
        said = str(error) or type(error).__name__
        if said != self._known:
            _log.warning("%s: %s", self._what, said)
        self._known = said

    def over(self) -> None:
        if self._known:
            _log.info("%s is back", self._what)
        self._known = ""
