// Attack 10 of those on clients: tokens that are not Keyward's, at a verifier that decides by itself.
import { createVerifier } from '@keyward/node';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Keyward, until } from '../testing/keyward.mjs';
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
    return { front, verifier, privateKey, publicKey, jwk, keyward };
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

const keysOf = async (publicKey, kid) => ({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] });

/** Moves the clock that nobody sets back, and waits until the revocations are trusted by it. */
async function pass(t, verifier, milliseconds) {
    const { now } = performance;
    t.mock.method(performance, 'now', () => now.call(performance) + milliseconds);
    await until(() => verifier.isTrusted);
}

test('keys are fetched anew while the old ones serve: no request waits, and a short outage is none', async (t) => {
    const { front, verifier, privateKey } = await begin(t);
    const token = await sign(privateKey, CLAIMS());
    assert.equal((await ask(verifier, token)).userId, 'u1');
    const keys = front.keys;
    front.keys = { keys: [] };
    const fetched = () => front.count('/.well-known/jwks.json');
    const before = fetched();
    await pass(t, verifier, 250_000);
    assert.equal((await ask(verifier, token)).userId, 'u1');
    await until(() => fetched() > before);
    await pass(t, verifier, 310_000);
    assert.equal((await ask(verifier, token)).status, 503, 'no longer than they may be cached');
    front.keys = keys;
    await until(async () => (await ask(verifier, token)).userId === 'u1');
});

test('a key that is not known is no fault of the token while the keys cannot be fetched', async (t) => {
    const { front, verifier, privateKey } = await begin(t);
    assert.equal((await ask(verifier, await sign(privateKey, CLAIMS()))).userId, 'u1');
    const second = await generateKeyPair('ES256', { extractable: true });
    const token = await sign(second.privateKey, CLAIMS(), { ...HEADER, kid: 'two' });
    const old = front.keys;
    front.keys = { keys: [] };
    await pass(t, verifier, 6000);
    for (let at = 0; at < 3; at++) assert.equal((await ask(verifier, token)).status, 503);
    assert.equal((await ask(verifier, await sign(privateKey, CLAIMS()))).userId, 'u1');

    // All who come while they are fetched wait for them.
    front.keys = { keys: [...old.keys, ...(await keysOf(second.publicKey, 'two')).keys] };
    await pass(t, verifier, 12_000);
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(verifier, token)));
    assert.deepEqual(all.map(({ userId }) => userId), Array(20).fill('u1'));
});

test('a token that many requests bring at once is verified once', async (t) => {
    const { verifier, privateKey } = await begin(t);
    const verify = t.mock.method(crypto.subtle, 'verify');
    const token = await sign(privateKey, CLAIMS());
    const all = await Promise.all(Array.from({ length: 1000 }, () => ask(verifier, token)));
    assert.ok(all.every(({ userId }) => userId === 'u1'));
    assert.equal(verify.mock.callCount(), 1);
});

test('a token that is verified while its key is taken back is not remembered', async (t) => {
    const { front, verifier, privateKey } = await begin(t);
    const second = await generateKeyPair('ES256', { extractable: true });
    assert.equal((await ask(verifier, await sign(privateKey, { ...CLAIMS(), jti: 'j0' }))).userId, 'u1');
    const token = await sign(privateKey, CLAIMS());
    const original = crypto.subtle.verify.bind(crypto.subtle);
    let go;
    const gate = new Promise((open) => { go = open; });
    const verify = t.mock.method(crypto.subtle, 'verify', async (...words) => {
        const isGenuine = await original(...words);
        await gate;
        return isGenuine;
    });
    const under = ask(verifier, token);
    await until(() => verify.mock.callCount() === 1);
    front.keys = await keysOf(second.publicKey, 'two');
    await pass(t, verifier, 6000);
    await isRefused(verifier, await sign(second.privateKey, { ...CLAIMS(), aud: 'x' }, { ...HEADER, kid: 'three' }), 'an unknown kid');
    go();
    await under;
    await isRefused(verifier, token, 'a token of a key that is gone');
});

test('genuine tokens that the options refuse are told to who runs the app, once', async (t) => {
    const { front, privateKey, keyward } = await begin(t);
    const errors = [];
    const verifier = createVerifier({
        url: front.url, app: 'api', secret: keyward.secrets.api, mode: 'local', onError: (error) => errors.push(error.message),
    });
    t.after(() => verifier.close());
    const evil = await generateKeyPair('ES256');
    await isRefused(verifier, await sign(evil.privateKey, CLAIMS()), 'another key');
    assert.deepEqual(errors, []);
    for (let at = 0; at < 3; at++) await isRefused(verifier, await sign(privateKey, CLAIMS()), 'another issuer');
    assert.equal(errors.length, 1);
    assert.match(errors[0], /"https:\/\/auth\.example".*`issuer` is 'http:\/\/127/);
});
