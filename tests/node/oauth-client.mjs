// A client made of openid-client and jose, told what to do: one JSON text a line on standard input,
// `{"verb", …}`, and for each one line on standard output. It keeps what it has learnt in between.
import { createInterface } from "node:readline";

import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "openid-client";

const WAYS = {
    client_secret_basic: oauth.ClientSecretBasic,
    client_secret_post: oauth.ClientSecretPost,
    none: oauth.None,
};
let config, jwks;

const verbs = {
    async discover({ issuer, algorithm, app, way, secret }) {
        const options = { algorithm, execute: [oauth.allowInsecureRequests] };
        config = await oauth.discovery(new URL(issuer), app, undefined, WAYS[way](secret), options);
        // In the field a new key is published long before it signs, and no cooldown comes between.
        jwks = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri), { cooldownDuration: 0 });
        return config.serverMetadata();
    },
    refresh: ({ token }) => oauth.refreshTokenGrant(config, token),
    async revoke({ token, hint }) {
        await oauth.tokenRevocation(config, token, { token_type_hint: hint });
        return {};
    },
    introspect: ({ token }) => oauth.tokenIntrospection(config, token),
    async verify({ token }) {
        const { issuer } = config.serverMetadata();
        const rules = { issuer, audience: "keyward", typ: "at+jwt" };
        const { payload, protectedHeader } = await jwtVerify(token, jwks, rules);
        return { kid: protectedHeader.kid, claims: payload };
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const { verb, ...options } = JSON.parse(line);
    const answer = await verbs[verb](options).catch((error) => ({ error: error.error ?? `${error.stack}` }));
    console.log(JSON.stringify(answer));
}
