"""How the apps of the tests find out who asks: as the environment says."""

import os
from collections.abc import Iterable
from typing import Any

from keyward import Identity

URL = os.environ["KEYWARD_URL"]
OPTIONS: dict[str, Any] = {
    "app": "api",
    "secret": os.environ["KEYWARD_SECRET"],
    "local": os.environ["KEYWARD_WAY"] == "local",
    "timeout": float(os.environ.get("KEYWARD_TIMEOUT", "5")),
}


def who(identity: Identity, headers: Iterable[str]) -> dict[str, Any]:
    """What `/me` says: the identity, and the headers that reached the app and could be taken for one."""
    suspicious = [name for name in headers if "x-auth" in name.lower().replace("_", "-")]
    return {
        "user": identity.user,
        "username": identity.username,
        "session": identity.session,
        "app": identity.app,
        "roles": sorted(identity.roles),
        "headers": suspicious,
    }
