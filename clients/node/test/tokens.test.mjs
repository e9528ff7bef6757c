// Attack 10 of those on clients: tokens that are not Keyward's, at a verifier that decides by itself.
import { createVerifier } from '@keyward/node';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Keyward } from '../testing/keyward.mjs';
import { Front } from './front.mjs';

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A verifier whose Keyward signs with a key that the test has. */
async function begin(t) {
    const keyward = await Keyward.start({ apps: { api: 'confidential' } });
    t.after(() => keyward.stop());
    const front = await Front.before(t, keyward);
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
    front.keys = { keys: [jwk] };
    const verifier = createVerifier({
        url: front.url, issuer: 'https://auth.example', app: 'api', secret: keyward.secrets.api, mode: 'local',
    });
    t.after(() => verifier.close());
    return { front, verifier, privateKey, publicKey, jwk };
}

const now = () => Math.floor(Date.now() / 1000);
const CLAIMS = () => ({
    iss: 'https://auth.example', aud: 'keyward', sub: 'u1', sid: 's1', jti: 'j1', client_id: 'default',
    iat: now(), exp: now() + 600, roles: ['admin'],
});
const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: 'one' };
const sign = (key, claims, header = HEADER) => new SignJWT(claims).setProtectedHeader(header).sign(key);

const ask = (verifier, token) => verifier.verify(
    new Request('http://api.example/', { headers: { authorization: `Bearer ${token}` } }),
);

async function isRefused(verifier, token, what, code = 'token_invalid') {
    const answer = await ask(verifier, token);
    assert.ok(answer instanceof Response, `${what} was let in`);
    assert.deepEqual([answer.status, (await answer.json()).code], [401, code], what);
}

test('attack 10: unknown kid, alg confusion, wrong typ', async (t) => {
    const { front, verifier, privateKey, publicKey, jwk } = await begin(t);
    const good = await sign(privateKey, CLAIMS());
    const [, payload, signature] = good.split('.');

    await t.test('the right one is let in', async () => {
        const who = await ask(verifier, good);
        assert.deepEqual([who.userId, who.sessionId, who.roles], ['u1', 's1', ['admin']]);
    });

    await t.test('alg confusion: a public key is no secret, and none is no signature', async () => {
        for (const secret of [await exportSPKI(publicKey), JSON.stringify(jwk), jwk.x]) {
            const header = { ...HEADER, alg: 'HS256' };
            await isRefused(verifier, await sign(Buffer.from(secret), CLAIMS(), header), 'HS256');
        }
        for (const alg of ['none', 'None', 'NONE', '']) {
            await isRefused(verifier, `${base64({ ...HEADER, alg })}.${payload}.`, alg);
            await isRefused(verifier, `${base64({ ...HEADER, alg })}.${payload}.${signature}`, alg);
        }
        const other = await generateKeyPair('EdDSA');
        await isRefused(verifier, await sign(other.privateKey, CLAIMS(), { ...HEADER, alg: 'EdDSA' }), 'EdDSA');
    });

    await t.test('wrong typ: an id token, a logout token and a plain JWT are no access tokens', async () => {
        for (const typ of ['JWT', 'logout+jwt', 'dpop+jwt', '', undefined]) {
            await isRefused(verifier, await sign(privateKey, CLAIMS(), { ...HEADER, typ }), `typ ${typ}`);
        }
    });

    await t.test('keys that a token brings or points to are not looked at', async () => {
        const evil = await generateKeyPair('ES256', { extractable: true });
        const theirs = { ...(await exportJWK(evil.publicKey)), alg: 'ES256' };
        for (const more of [{ jwk: theirs }, { jku: `${front.url}/evil.json` }, { x5u: `${front.url}/evil.pem` }]) {
            await isRefused(verifier, await sign(evil.privateKey, CLAIMS(), { ...HEADER, ...more }), 'a key of its own');
        }
        assert.deepEqual(front.asked.filter(({ path }) => path.includes('evil')), []);
    });

    await t.test('claims that are wrong, missing or of another kind', async () => {
        for (const wrong of [
            { iss: 'https://evil.example' }, { aud: 'other' }, { aud: ['a', 'b'] }, { sub: 7 }, { sid: '' },
            { iat: '1' }, ...['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp', 'client_id'].map((name) => ({ [name]: undefined })),
        ]) {
            const token = await sign(privateKey, { ...CLAIMS(), ...wrong });
            await isRefused(verifier, token, JSON.stringify(wrong));
        }
        const old = await sign(privateKey, { ...CLAIMS(), iat: now() - 700, exp: now() - 1 });
        await isRefused(verifier, old, 'an expired one', 'token_expired');
        const strange = await ask(verifier, await sign(privateKey, { ...CLAIMS(), roles: { admin: true } }));
        assert.deepEqual(strange.roles, []);
    });

    await t.test('what was changed after it was signed', async () => {
        const root = base64({ ...CLAIMS(), sub: 'root' });
        await isRefused(verifier, good.replace(payload, root), 'another payload');
        for (const token of ['', 'a', 'a.b', 'a.b.c', `${good}.`, `${good}.x`, good.slice(0, -2), `${good} ${good}`]) {
            await isRefused(verifier, token || '.', token);
        }
    });

    await t.test('a flood of unknown kids fetches the keys no more than once in a while', async () => {
        const before = front.count('/.well-known/jwks.json');
        const evil = await generateKeyPair('ES256');
        const tokens = await Promise.all(Array.from({ length: 200 }, (_, at) =>
            sign(evil.privateKey, CLAIMS(), { ...HEADER, kid: `unknown-${at}` })));
        for (const token of tokens) await isRefused(verifier, token, 'an unknown kid');
        await Promise.all(tokens.map((token) => isRefused(verifier, token, 'an unknown kid')));
        // One for each five seconds that this has taken on a busy machine.
        const fetched = front.count('/.well-known/jwks.json') - before;
        assert.ok(fetched <= 10, `${fetched} fetches for 400 tokens`);
    });

    await t.test('a new key is found by its kid; one that was taken back is good no more', async () => {
        const { privateKey: second, publicKey: ours } = await generateKeyPair('ES256', { extractable: true });
        front.keys = { keys: [{ ...(await exportJWK(ours)), kid: 'two', alg: 'ES256', use: 'sig' }] };
        const token = await sign(second, CLAIMS(), { ...HEADER, kid: 'two' });
        while ((await ask(verifier, token)) instanceof Response) await new Promise((wait) => setTimeout(wait, 200));
        await isRefused(verifier, good, 'a token of a key that is gone, though it was verified before');
    });
});
