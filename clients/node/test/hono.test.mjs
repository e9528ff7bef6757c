// The Hono skin, with the real Hono on its server for Node.
import { serve, upgradeWebSocket } from '@hono/node-server';
import { createVerifier } from '@keyward/node';
import { guard } from '@keyward/node/hono';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';

import { Keyward, until } from '../testing/keyward.mjs';
import { asking, closesWithin, open, openSocket, refusals, signIn, signOut } from './support.mjs';

function routes(app, verifier) {
    app.use('/api/*', guard(verifier));
    app.get('/api/me', (c) => c.json({ ...c.get('identity'), headers: {} }));
    app.get('/api/admin', guard(verifier, { role: 'admin' }), (c) => c.text('secret'));
    app.get('/api/money', guard(verifier, { acr: '2' }), (c) => c.text('paid'));
    app.get('/api/raw', () => new Response('mine', { headers: { 'cache-control': 'public, max-age=60' } }));
    app.get('/api/events', (c) => streamSSE(c, async (stream) => {
        await stream.writeSSE({ data: 'hello' });
        await new Promise((gone) => stream.onAbort(gone));
    }));
    app.get('/api/socket', upgradeWebSocket((c) => {
        const identity = c.get('identity');
        return {
            onOpen(_, ws) {
                ws.send(identity.username);
                identity.whenOver(({ reason }) => ws.close(4401, reason));
            },
        };
    }));
    app.get('/api/silent', upgradeWebSocket((c) => ({ onOpen: (_, ws) => ws.send(c.get('identity').username) })));
}

for (const mode of ['check', 'local']) {
    test(`Hono, ${mode}`, async (t) => {
        const keyward = await Keyward.start({
            users: [{ name: 'anna', roles: ['admin'] }, 'bert'], apps: { api: 'confidential' },
        });
        t.after(() => keyward.stop());
        const { url, checkUrl, secrets: { api: secret } } = keyward;
        const verifier = createVerifier({ url, checkUrl, app: 'api', secret, mode });
        t.after(() => verifier.close());
        const app = new Hono();
        routes(app, verifier);
        const websocket = { server: new WebSocketServer({ noServer: true }) };
        const port = await new Promise((ready) => {
            const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', websocket }, (at) => ready(at.port));
            t.after(() => {
                server.close();
                server.closeAllConnections();
            });
        });
        const base = `http://127.0.0.1:${port}`;
        const ask = asking(base);

        await refusals(t, keyward, ask);

        await t.test('no cache keeps an answer, whatever the handler says', async () => {
            const { access_token } = await signIn(keyward, 'anna');
            const answer = await ask('/api/raw', access_token);
            assert.equal(answer.headers.get('cache-control'), 'private, no-store');
            assert.equal(await answer.text(), 'mine');
        });

        await t.test('event streams and WebSockets of who signs out close, and no others', async () => {
            const [mine, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];
            const others = await open(`${base}/api/events`, bert.access_token);
            const streams = [
                await open(`${base}/api/events`, mine.access_token),
                await openSocket(`${base}/api/socket`, mine.access_token),
                await openSocket(`${base}/api/silent`, mine.access_token),
                // By a header of its own, a request is no WebSocket.
                await open(`${base}/api/events`, mine.access_token, { upgrade: 'h2c' }),
            ];
            await closesWithin(t, `Hono, ${mode}`, streams, () => signOut(keyward, mine));
            assert.equal(streams[1].code, 4401);
            assert.equal(others.isOpen(), true);
            assert.equal(streams[3].headers['cache-control'], 'private, no-store');
            others.close();
            const gone = await openSocket(`${base}/api/socket`, bert.access_token);
            gone.close();
            await until(() => verifier.watched === 0);
            await assert.rejects(openSocket(`${base}/api/socket`, mine.access_token), /401/);
        });

        await t.test('a WebSocket with a session cookie is opened by pages of allowed origins alone', async () => {
            const { cookie } = await signIn(keyward, 'anna', 'session');
            for (const origin of ['https://evil.example', 'null']) {
                await assert.rejects(openSocket(`${base}/api/socket`, cookie, { origin }), /403/);
            }
            const socket = await openSocket(`${base}/api/socket`, cookie, { origin: keyward.url });
            assert.equal(socket.first, 'anna');
            await closesWithin(t, 'a WebSocket by a cookie', [socket], () => signOut(keyward, { cookie }));
        });
    });
}
