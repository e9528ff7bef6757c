// Where there is as little as on a phone: React Native has no document, channels, locks, IndexedDB or WebCrypto.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { Keyward, PASSWORD } from '../testing/keyward.mjs';

const LACKING = ['document', 'window', 'location', 'addEventListener', 'BroadcastChannel', 'indexedDB', 'crypto', 'localStorage'];

const PROGRAM = `
    for (const name of ${JSON.stringify(LACKING)}) Object.defineProperty(globalThis, name, { value: undefined });
    Object.defineProperty(globalThis, 'navigator', { value: { product: 'ReactNative' } });
    const { createClient } = await import('@keyward/client');
    const { dpopKey } = await import('@keyward/client/dpop');
    const { keptIn } = await import('@keyward/client/storage');

    const items = new Map();
    const AsyncStorage = {
        getItem: async (key) => items.get(key) ?? null,
        setItem: async (key, value) => { items.set(key, value); },
        removeItem: async (key) => { items.delete(key); },
    };
    const start = () => createClient({
        baseUrl: process.argv[1], transport: 'body', storage: keptIn(AsyncStorage), dpop: dpopKey(), poll: 0,
    });
    const said = {};
    const client = start();
    const seen = [];
    client.onChange(({ status, reason }) => seen.push(reason ?? status));
    said.before = (await client.whenReady()).status;
    said.refused = (await client.signIn({ username: 'anna', password: 'wrong' })).code;
    await client.signIn({ username: 'anna', password: '${PASSWORD}', device: 'phone' });
    const { now } = performance;
    performance.now = () => now.call(performance) + 900_000;
    said.name = (await client.me()).username;
    said.device = (await client.sessions.list())[0].device;
    said.stepUp = (await client.stepUp({ password: '${PASSWORD}' })).status;
    said.passkeys = client.passkeys.isSupported();
    const next = start();
    said.next = (await next.whenReady()).user.username;
    await next.signOut();
    said.kept = items.size;
    said.code = (await client.me().catch((error) => error)).code;
    said.seen = seen;
    console.log(JSON.stringify(said));
    client.close();
`;

test('a phone signs in, refreshes, goes on after a restart, and signs out', async () => {
    const keyward = await Keyward.start();
    const { stdout } = await promisify(execFile)('node', ['--input-type=module', '-e', PROGRAM, keyward.url], {
        cwd: join(import.meta.dirname, '..'), timeout: 30_000,
    }).finally(() => keyward.stop());
    assert.deepEqual(JSON.parse(stdout), {
        before: 'signed-out', refused: 'invalid_credentials', name: 'anna', device: 'phone', stepUp: 'stepped-up', passkeys: false,
        next: 'anna', kept: 0, code: 'token_revoked', seen: ['signed-out', 'signed-in'],
    });
});
