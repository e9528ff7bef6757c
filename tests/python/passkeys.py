"""What py_webauthn makes of answers of passkeys: one line of JSON a case on standard input, one verdict a line."""

import json
import sys

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


def verify(case):
    common = {
        "credential": case["passkey"],
        "expected_challenge": base64url_to_bytes(case["challenge"]),
        "expected_rp_id": case["domain"],
        "expected_origin": case["origins"],
        "require_user_verification": True,
    }
    if "key" not in case:
        verify_registration_response(**common, supported_pub_key_algs=ALGORITHMS)
        return
    verify_authentication_response(
        **common,
        credential_public_key=base64url_to_bytes(case["key"]),
        credential_current_sign_count=case["counter"],
    )


for line in sys.stdin:
    try:
        verify(json.loads(line))
        print("taken")
    except (WebAuthnException, ValueError) as error:
        print(f"refused: {type(error).__name__}: {' '.join(str(error).split())}")
