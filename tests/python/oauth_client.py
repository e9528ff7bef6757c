"""A client made of Authlib and PyJWT, told what to do: one JSON text a line on standard input,
`{"verb", …}`, and for each one line on standard output. It keeps what it has learnt in between."""

import json
import sys
import traceback

import jwt
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import get_well_known_url


class Client:
    def discover(self, issuer, algorithm, app, way, secret=None):
        suffix = "openid-configuration" if algorithm == "oidc" else "oauth-authorization-server"
        if algorithm == "oidc":
            url = f"{issuer}/.well-known/{suffix}"
        else:
            url = get_well_known_url(issuer, external=True, suffix=suffix)
        answer = requests.get(url)
        answer.raise_for_status()
        self.metadata = answer.json()
        self.session = OAuth2Session(
            app, secret, token_endpoint_auth_method=way, revocation_endpoint_auth_method=way
        )
        # In the field a new key is published long before it signs, and no cooldown comes between.
        self.keys = jwt.PyJWKClient(self.metadata["jwks_uri"], cooldown_duration=0)
        return self.metadata

    def refresh(self, token):
        return self.session.refresh_token(self.metadata["token_endpoint"], refresh_token=token)

    def revoke(self, token, hint):
        answer = self.session.revoke_token(
            self.metadata["revocation_endpoint"], token=token, token_type_hint=hint
        )
        answer.raise_for_status()
        return {}

    def introspect(self, token):
        answer = self.session.introspect_token(self.metadata["introspection_endpoint"], token=token)
        answer.raise_for_status()
        return answer.json()

    def verify(self, token):
        key = self.keys.get_signing_key_from_jwt(token)
        issuer = self.metadata["issuer"]
        whole = jwt.decode_complete(token, key, algorithms=["ES256"], audience="keyward", issuer=issuer)
        assert whole["header"]["typ"] == "at+jwt"
        return {"kid": whole["header"]["kid"], "claims": whole["payload"]}


client = Client()
for line in sys.stdin:
    options = json.loads(line)
    try:
        answer = getattr(client, options.pop("verb"))(**options)
    except OAuthError as error:
        answer = {"error": error.error}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
