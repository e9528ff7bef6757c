// What the tests of the skins share: signing in and out, streams that are held open, servers that end with their test.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { WebSocket } from 'ws';

import { PASSWORD } from '../testing/keyward.mjs';

const json = { 'content-type': 'application/json' };

/** Tokens, or, by `transport: 'session'`, a cookie. */
export async function signIn(keyward, username, transport = 'body') {
    const answer = await fetch(`${keyward.url}/v1/login`, {
        method: 'POST', headers: { ...json, origin: keyward.url },
        body: JSON.stringify({ username, password: PASSWORD, transport }),
    });
    assert.equal(answer.status, 200);
    const [, cookie] = /(keyward-session=[^;]+)/.exec(answer.headers.getSetCookie().join()) ?? [];
    return { ...(await answer.json()), cookie };
}

export async function signOut(keyward, { access_token, cookie }) {
    const headers = cookie ? { cookie, origin: keyward.url } : { authorization: `Bearer ${access_token}` };
    const answer = await fetch(`${keyward.url}/v1/logout`, { method: 'POST', headers });
    assert.equal(answer.status, 204);
}

const credential = (of) => (of.includes('keyward-session=') ? { cookie: of } : { authorization: `Bearer ${of}` });

/** An answer that does not end by itself, once its first part is there. */
export function open(url, of, more = {}) {
    return new Promise((opened, failed) => {
        const asked = request(url, { headers: { ...credential(of), ...more }, agent: false });
        asked.on('error', failed).end();
        asked.on('response', (answer) => {
            const ended = new Promise((end) => answer.once('close', end).on('error', () => {}));
            answer.once('data', (data) => opened({
                first: String(data), status: answer.statusCode, headers: answer.headers, ended,
                isOpen: () => !answer.destroyed,
                close: () => asked.destroy(),
            }));
            if (answer.statusCode !== 200) failed(new Error(`HTTP ${answer.statusCode}`));
        });
    });
}

/** A WebSocket, once its first message is there. */
export function openSocket(url, of, more = {}) {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers: { ...credential(of), ...more } });
    const opened = { isOpen: () => socket.readyState === WebSocket.OPEN, close: () => socket.terminate() };
    opened.ended = new Promise((end) => socket.once('close', (code) => end(opened.code = code)));
    return new Promise((ready, failed) => {
        socket.once('error', failed);
        socket.once('message', (data) => ready(Object.assign(opened, { first: String(data) })));
    });
}

/** All of them close once `sign out` has been answered; prints how long that took. */
export async function closesWithin(t, name, streams, end, patience = 10_000) {
    for (const stream of streams) assert.equal(stream.isOpen(), true);
    await end();
    const since = performance.now();
    const late = new Promise((_, fail) => setTimeout(fail, patience, new Error('a stream stays open')).unref());
    await Promise.race([Promise.all(streams.map(({ ended }) => ended)), late]);
    t.diagnostic(`${name}: ${streams.length} closed ${(performance.now() - since).toFixed(1)} ms after the sign-out`);
}

/** A server on a free port, for as long as the test. */
export async function listen(t, handler) {
    const http = typeof handler === 'function' ? createServer(handler) : handler;
    await new Promise((ready) => http.listen(0, '127.0.0.1', ready));
    t.after(() => {
        http.close();
        http.closeAllConnections();
    });
    return { http, url: `http://127.0.0.1:${http.address().port}` };
}

/** Asks that server, with a token where there is one. */
export const asking = (base) => (path, token, headers = {}, method = 'GET') => fetch(base + path, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
});

/** What each skin must do with requests, at `/api/me`, `/api/admin` and `/api/money`. */
export async function refusals(t, keyward, ask) {
    const anna = await signIn(keyward, 'anna');
    const bert = await signIn(keyward, 'bert');

    await t.test('who asks is with the request, and the answer is that user\'s alone', async () => {
        const answer = await ask('/api/me', anna.access_token);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('cache-control'), 'private, no-store');
        const me = await answer.json();
        assert.deepEqual([me.username, me.sessionId, me.app], ['anna', anna.session_id, 'default']);
        assert.deepEqual([me.roles, me.acr, me.amr], [['admin'], '1', ['pwd']]);
        assert.ok(me.userId && me.authTime && me.expiresAt);
    });

    await t.test('nobody, and nonsense, are refused as the check refuses them', async () => {
        for (const [token, code] of [[undefined, 'token_missing'], ['nonsense', 'token_invalid']]) {
            const answer = await ask('/api/me', token);
            assert.equal(answer.status, 401);
            assert.match(answer.headers.get('www-authenticate'), /^Bearer realm="keyward"/);
            assert.match(answer.headers.get('content-type'), /^application\/problem\+json/);
            assert.equal(answer.headers.get('cache-control'), 'no-store');
            assert.equal((await answer.json()).code, code);
        }
    });

    await t.test('roles, and how somebody signed in, are asked for', async () => {
        assert.equal(await (await ask('/api/admin', anna.access_token)).text(), 'secret');
        const refused = await ask('/api/admin', bert.access_token);
        assert.deepEqual([refused.status, (await refused.json()).code], [403, 'insufficient_role']);
        const weak = await ask('/api/money', anna.access_token);
        assert.equal(weak.status, 401);
        assert.match(weak.headers.get('www-authenticate'), /insufficient_user_authentication.*acr_values="2"/);
        assert.equal((await weak.json()).code, 'insufficient_user_authentication');
    });

    await t.test('attack 9: identity headers from outside are never believed', async () => {
        const forged = {
            'x-auth-user': 'root', 'X-Auth-Username': 'root', 'X-Auth-Roles': 'admin', x_auth_roles: 'admin',
        };
        assert.equal((await ask('/api/me', undefined, forged)).status, 401);
        const me = await (await ask('/api/me', bert.access_token, forged)).json();
        assert.deepEqual([me.username, me.roles], ['bert', []]);
        assert.deepEqual(Object.keys(me.headers).filter((name) => /^x[-_]auth/.test(name)), []);
        assert.equal((await ask('/api/admin', bert.access_token, forged)).status, 403);
    });
}
