"""Makes tokens with Keyward's own key, so that a test changes one thing alone about a token that would pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from servers import Keyward


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forger:
    def __init__(self, keyward: Keyward) -> None:
        (path,) = (keyward.folder / "keys").glob("*.pem")
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key
        self.public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        token = keyward.sign_in("anna")["access_token"]
        self.head = {"typ": "at+jwt", "kid": jwt.get_unverified_header(token)["kid"]}
        self._claims = jwt.decode(token, options={"verify_signature": False})

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of a token of a session of its own; `None` takes one out."""
        now = int(time.time())
        own = {"iat": now, "exp": now + 600, "jti": secrets.token_urlsafe(), "sid": secrets.token_urlsafe()}
        claims = self._claims | own | changed
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, head: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), key or self.key, "ES256", self.head | (head or {}))

    def unsigned(self) -> str:
        return self._by_hand({"alg": "none"}, b"")

    def by_public_key(self) -> str:
        """HS256, with what everybody knows of the key as the secret."""
        return self._by_hand({"alg": "HS256"}, self.public)

    def _by_hand(self, head: dict[str, str], secret: bytes) -> str:
        parts = [json.dumps(part).encode() for part in (self.head | head, self.claims())]
        signed = ".".join(map(encoded, parts))
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
        return f"{signed}.{encoded(signature)}"
