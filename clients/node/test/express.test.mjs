// The Express skin, with the real Express.
import { createVerifier } from '@keyward/node';
import { guard, onUpgrade } from '@keyward/node/express';
import express from 'express';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';

import { Keyward, until } from '../testing/keyward.mjs';
import { asking, closesWithin, listen, open, openSocket, refusals, signIn, signOut } from './support.mjs';

for (const mode of ['check', 'local']) {
    test(`Express, ${mode}`, async (t) => {
        const keyward = await Keyward.start({
            users: [{ name: 'anna', roles: ['admin'] }, 'bert'], apps: { api: 'confidential' },
        });
        t.after(() => keyward.stop());
        const { url, checkUrl, secrets: { api: secret } } = keyward;
        const verifier = createVerifier({ url, checkUrl, app: 'api', secret, mode });
        t.after(() => verifier.close());

        const app = express();
        app.use('/api', guard(verifier));
        app.get('/api/me', (request, response) => response.json({ ...request.identity, headers: request.headers }));
        app.get('/api/admin', guard(verifier, { role: 'admin' }), (_, response) => response.send('secret'));
        app.get('/api/money', guard(verifier, { acr: '2', maxAge: 300 }), (_, response) => response.send('paid'));
        app.get('/api/events', (_, response) => {
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.write('data: hello\n\n');
        });
        app.get('/api/clock', (request, response) => {
            response.set('content-type', 'text/event-stream').write('data: hello\n\n');
        });
        const server = await listen(t, app);
        const sockets = new WebSocketServer({ noServer: true });
        onUpgrade(server.http, verifier, (identity, incoming, socket, head) => {
            sockets.handleUpgrade(incoming, socket, head, (ws) => {
                ws.send(identity.username);
                identity.whenOver(({ reason }) => ws.close(4401, reason));
            });
        });

        const ask = asking(server.url);
        await refusals(t, keyward, ask);

        await t.test('event streams and WebSockets of who signs out close, and no others', async () => {
            const [mine, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];
            const others = await open(`${server.url}/api/events`, bert.access_token);
            const streams = [
                await open(`${server.url}/api/events`, mine.access_token),
                await open(`${server.url}/api/clock`, mine.access_token),
                await openSocket(`${server.url}/`, mine.access_token),
            ];
            assert.equal(streams[2].first, 'anna');
            await closesWithin(t, `Express, ${mode}`, streams, () => signOut(keyward, mine));
            assert.equal(streams[2].code, 4401);
            assert.equal(others.isOpen(), true);
            assert.equal((await ask('/api/me', mine.access_token)).status, 401);
            others.close();
            await until(() => verifier.watched === 0);
        });

        await t.test('a WebSocket is refused as a request is', async () => {
            await assert.rejects(openSocket(`${server.url}/`, 'nonsense'), /401/);
        });

        await t.test('a WebSocket with a session cookie is opened by pages of allowed origins alone', async () => {
            const { cookie } = await signIn(keyward, 'anna', 'session');
            for (const origin of ['https://evil.example', 'null']) {
                await assert.rejects(openSocket(`${server.url}/`, cookie, { origin }), /403/);
            }
            const socket = await openSocket(`${server.url}/`, cookie, { origin: keyward.url });
            assert.equal(socket.first, 'anna');
            await closesWithin(t, 'a WebSocket by a cookie', [socket], () => signOut(keyward, { cookie }));
        });
    });
}
