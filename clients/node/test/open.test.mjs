// What is open for a session holds nothing of a client that has gone, and ends for one that does not listen.
import { createVerifier } from '@keyward/node';
import { guard, onUpgrade } from '@keyward/node/express';
import { guard as handler } from '@keyward/node/next';
import express from 'express';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';

import { Keyward, until } from '../testing/keyward.mjs';
import { Front } from './front.mjs';
import { listen, signIn, signOut } from './support.mjs';

async function begin(t) {
    const keyward = await Keyward.start({ apps: { api: 'confidential' } });
    t.after(() => keyward.stop());
    const front = await Front.before(t, keyward);
    const { url, secrets: { api: secret } } = keyward;
    const verifier = createVerifier({ url, checkUrl: `${front.url}/v1/check`, app: 'api', secret });
    t.after(() => verifier.close());
    await verifier.ready();
    return { keyward, front, verifier, anna: await signIn(keyward, 'anna') };
}

test('a client that has gone before its event stream begins is not watched', async (t) => {
    const { front, verifier, anna } = await begin(t);
    const app = express();
    let reached, go;
    app.use(guard(verifier));
    app.get('/', async (_, response) => {
        const wait = new Promise((open) => { go = open; });
        reached(response);
        await wait;
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': late\n\n');
        go.done();
    });
    const { http, url } = await listen(t, app);
    const ask = () => request(url, { headers: { authorization: `Bearer ${anna.access_token}` } }).on('error', () => {}).end();

    for (const leaves of ['while the handler works', 'while Keyward is asked']) {
        const arrived = new Promise((at) => { reached = at; });
        const connected = once(http, 'connection');
        let open;
        if (leaves === 'while Keyward is asked') front.held = new Promise((pass) => { open = pass; });
        const asked = ask();
        const [socket] = await connected;
        if (open) await until(() => front.count('/v1/check') === 2);
        else await arrived;
        const gone = once(socket, 'close');
        asked.destroy();
        await gone;
        open?.();
        await arrived;
        const done = new Promise((end) => { go.done = end; });
        go();
        await done;
        assert.equal(verifier.watched, 0, leaves);
    }
});

test('a WebSocket that is not read is cut as soon as its session is over', async (t) => {
    const { keyward, verifier, anna } = await begin(t);
    const { http, url } = await listen(t, express());
    const sockets = new WebSocketServer({ noServer: true });
    const times = {};
    onUpgrade(http, verifier, (identity, incoming, socket, head) => {
        sockets.handleUpgrade(incoming, socket, head, (ws) => {
            identity.whenOver(() => { times.over = performance.now(); });
            socket.once('close', () => { times.closed = performance.now(); });
            // More than the connection takes.
            for (let at = 0; at < 64; at++) ws.send('x'.repeat(1_000_000));
        });
    });
    const client = new WebSocket(url.replace('http', 'ws'), { headers: { authorization: `Bearer ${anna.access_token}` } });
    client.on('error', () => {});
    await once(client, 'open');
    client._socket.pause();
    await signOut(keyward, anna);
    await until(() => times.closed);
    t.diagnostic(`cut ${Math.round(times.closed - times.over)} ms after the session was over`);
    // It was a second before; what is measured is a timer of 50 ms, on a machine that may be busy.
    assert.ok(times.closed - times.over < 900);
    client.terminate();
});

test('an event stream that its reader leaves is not watched, and what feeds it hears of that', async (t) => {
    const { verifier, anna } = await begin(t);
    let isLeft = false;
    const GET = handler(verifier, () => new Response(new ReadableStream({
        start: (stream) => stream.enqueue(new TextEncoder().encode('data: hello\n\n')),
        cancel: () => { isLeft = true; },
    }), { headers: { 'content-type': 'text/event-stream' } }));
    const headers = { authorization: `Bearer ${anna.access_token}` };
    const reader = (await GET(new Request('http://api.example/', { headers }))).body.getReader();
    await reader.read();
    assert.ok(verifier.watched > 0);
    await reader.cancel();
    await until(() => isLeft && verifier.watched === 0);
});
