"""Keyward over https: whose certificate is not trusted is not asked."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import WAYS
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from proxy import Proxy
from servers import Keyward, bearer

import keyward as library


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One for 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "keyward")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=1)).add_extension(address, critical=False)
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def front(keyward: Keyward, certificate: Path) -> Iterator[Proxy]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    proxy = Proxy(keyward.port, tls)
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("way", WAYS)
def test_keyward_is_asked_over_https(way: str, keyward: Keyward, front: Proxy, certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate))
    request = library.Request.of("GET", bearer(keyward.sign_in("anna")["access_token"]).items())
    options = {"app": "api", "secret": keyward.secret, "issuer": keyward.url, "local": way == "local", "tls": trusted}
    verifier = library.Verifier(front.url, **options)  # type: ignore[arg-type]
    asynchronous = library.AsyncVerifier(front.url, **options)  # type: ignore[arg-type]

    async def run() -> list[library.Identity | library.Refusal]:
        return [await asynchronous.verify(request) for _ in range(2)]

    found = [verifier.verify(request) for _ in range(2)] + asyncio.run(run())
    assert all(isinstance(one, library.Identity) for one in found), found
    verifier.close()


def test_a_certificate_that_is_not_trusted_is_503(keyward: Keyward, front: Proxy) -> None:
    request = library.Request.of("GET", bearer(keyward.sign_in("anna")["access_token"]).items())
    asynchronous = library.AsyncVerifier(front.url)
    for found in [library.Verifier(front.url).verify(request), asyncio.run(asynchronous.verify(request))]:
        assert isinstance(found, library.Refusal) and found.status == 503
    assert front.asked == [], "nothing was said to it"
