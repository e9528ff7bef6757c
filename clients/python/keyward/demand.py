"""What is asked of somebody beyond a good credential: roles, and how and how lately they signed in (RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

ACR_VALUES = ("1", "2")


@dataclass(frozen=True, init=False)
class Demand:
    """Every role of `role` is needed; `acr="2"` asks for two factors; `max_age` is in seconds since the sign-in.

    What nobody could meet, an empty role say, is a `ValueError` here, and not a refusal of everybody later.
    """

    roles: tuple[str, ...]
    acr: str | None
    max_age: int | None

    def __init__(
        self,
        role: str | Iterable[str] | None = None,
        acr: str | int | None = None,
        max_age: int | timedelta | None = None,
    ) -> None:
        if callable(role):
            raise TypeError("requires has brackets: requires()")
        roles = () if role is None else (role,) if isinstance(role, str) else tuple(role)
        seconds = int(max_age.total_seconds()) if isinstance(max_age, timedelta) else max_age
        if not all(roles) or (role is not None and not roles):
            raise ValueError("a role has a name")
        if acr is not None and str(acr) not in ACR_VALUES:
            raise ValueError(f"acr is one of {', '.join(ACR_VALUES)}")
        if seconds is not None and not 0 <= seconds < 2**32:
            raise ValueError("max_age is a number of seconds from 0 on")
        object.__setattr__(self, "roles", roles)
        object.__setattr__(self, "acr", None if acr is None else str(acr))
        object.__setattr__(self, "max_age", seconds)

    @property
    def query(self) -> str:
        """The parameters of the check that ask for it."""
        asked = [("role", role) for role in self.roles]
        if self.acr is not None:
            asked.append(("acr", self.acr))
        if self.max_age is not None:
            asked.append(("max_age", str(self.max_age)))
        return urlencode(asked)


ANYBODY = Demand()
"""Who is signed in, in whatever way."""
