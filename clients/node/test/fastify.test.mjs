// The Fastify skin, with the real Fastify.
import { createVerifier } from '@keyward/node';
import { guard, onUpgrade } from '@keyward/node/fastify';
import Fastify from 'fastify';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';

import { Keyward, until } from '../testing/keyward.mjs';
import { asking, closesWithin, open, openSocket, refusals, signIn, signOut } from './support.mjs';

const CLOCK = async function* () {
    yield 'data: hello\n\n';
    await new Promise(() => {});
};

function routes(app, verifier) {
    app.addHook('onRequest', guard(verifier));
    app.get('/api/me', (request) => ({ ...request.identity, headers: request.headers }));
    app.get('/api/admin', { onRequest: guard(verifier, { role: 'admin' }) }, () => 'secret');
    app.get('/api/money', { onRequest: guard(verifier, { acr: '2' }) }, () => 'paid');
    app.get('/api/events', (request, reply) => {
        reply.hijack();
        reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
        reply.raw.write('data: hello\n\n');
    });
    app.get('/api/clock', (request, reply) => reply.type('text/event-stream').send(Readable.from(CLOCK())));
    const sockets = new WebSocketServer({ noServer: true });
    onUpgrade(app.server, verifier, (identity, incoming, socket, head) => {
        sockets.handleUpgrade(incoming, socket, head, (ws) => ws.send(identity.username));
    });
}

for (const mode of ['check', 'local']) {
    test(`Fastify, ${mode}`, async (t) => {
        const keyward = await Keyward.start({
            users: [{ name: 'anna', roles: ['admin'] }, 'bert'], apps: { api: 'confidential' },
        });
        t.after(() => keyward.stop());
        const { url, checkUrl, secrets: { api: secret } } = keyward;
        const verifier = createVerifier({ url, checkUrl, app: 'api', secret, mode });
        t.after(() => verifier.close());
        const app = Fastify({ forceCloseConnections: true });
        routes(app, verifier);
        const base = await app.listen({ port: 0, host: '127.0.0.1' });
        t.after(() => app.close());
        const ask = asking(base);

        await refusals(t, keyward, ask);

        await t.test('the requests of `inject`, which are none of the network, are judged too', async () => {
            const { access_token } = await signIn(keyward, 'anna');
            const url = '/api/me';
            assert.equal((await app.inject({ url })).statusCode, 401);
            const headers = { authorization: `Bearer ${access_token}`, 'X-Auth-User': 'root' };
            const me = await app.inject({ url, headers });
            assert.deepEqual([me.statusCode, me.json().username, me.json().headers['x-auth-user']], [200, 'anna', undefined]);
        });

        await t.test('HTTP/2', async (t) => {
            const two = Fastify({ http2: true });
            two.addHook('onRequest', guard(verifier));
            two.get('/api/me', (request) => ({ ...request.identity, headers: request.headers }));
            two.get('/api/clock', (request, reply) => reply.type('text/event-stream').send(Readable.from(CLOCK())));
            const client = connect(await two.listen({ port: 0, host: '127.0.0.1' }));
            t.after(() => (client.destroy(), two.close()));
            const ask = (path, headers = {}) => {
                const stream = client.request({ ':path': path, ...headers });
                const ended = new Promise((end) => stream.on('error', () => {}).once('close', end));
                return new Promise((answered) => stream.once('response', (head) => answered({
                    status: head[':status'], ended, isOpen: () => !stream.closed, body: async () => (await stream.toArray()).join(''),
                    first: once(stream, 'data'),
                })));
            };
            const mine = await signIn(keyward, 'anna');
            const headers = { authorization: `Bearer ${mine.access_token}`, 'x-auth-user': 'root' };
            assert.equal((await ask('/api/me')).status, 401);
            const me = await ask('/api/me', headers);
            assert.equal(me.status, 200);
            const { username, headers: seen } = JSON.parse(await me.body());
            assert.deepEqual([username, seen['x-auth-user']], ['anna', undefined]);
            const clock = await ask('/api/clock', headers);
            await clock.first;
            await closesWithin(t, `Fastify, HTTP/2, ${mode}`, [clock], () => signOut(keyward, mine));
        });

        await t.test('event streams and WebSockets of who signs out close, and no others', async () => {
            const [mine, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];
            const others = await open(`${base}/api/events`, bert.access_token);
            const streams = [
                await open(`${base}/api/events`, mine.access_token),
                await open(`${base}/api/clock`, mine.access_token),
                await openSocket(base, mine.access_token),
            ];
            await closesWithin(t, `Fastify, ${mode}`, streams, () => signOut(keyward, mine));
            assert.equal(others.isOpen(), true);
            others.close();
            await until(() => verifier.watched === 0);
        });
    });
}
