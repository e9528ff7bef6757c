// Sessions that are bound to a key: a refresh token is worth nothing without it.
import 'fake-indexeddb/auto';

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { dpopKey } from '@keyward/client/dpop';
import { keptIn } from '@keyward/client/storage';
import { PASSWORD } from '../testing/keyward.mjs';

import { pass, setClocksRight, withCookies } from './browser.mjs';
import { Front } from './front.mjs';

const LIFE = 900_000;
const clients = [];

let front;
before(async () => { front = await Front.start(); });
after(() => front.stop());
afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    setClocksRight();
    front.calm();
});

function shelf() {
    const items = new Map();
    return { items, getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value), removeItem: (key) => items.delete(key) };
}

function device(options) {
    const client = createClient({ baseUrl: front.url, transport: 'body', poll: 0, ...options });
    clients.push(client);
    return client;
}

const signIn = (client) => client.signIn({ username: 'anna', password: PASSWORD });

const claimsOf = (jwt, part = 1) => JSON.parse(Buffer.from(jwt.split('.')[part], 'base64url'));

test('a sign-in with a key binds the session to it, and each refresh proves it anew', async () => {
    const client = device({ dpop: dpopKey('bound') });
    assert.equal((await signIn(client)).status, 'signed-in');
    const thumbprint = claimsOf(await client.getAccessToken()).cnf?.jkt;
    assert.equal(typeof thumbprint, 'string');
    for (let round = 0; round < 3; round++) {
        // The device's clock stays right: a proof says the time.
        pass(LIFE, 0);
        assert.equal((await client.me()).username, 'anna');
    }
    assert.equal(claimsOf(await client.getAccessToken()).cnf.jkt, thumbprint);
    const proofs = front.seen.filter(({ headers }) => headers.dpop).map(({ headers }) => headers.dpop);
    assert.equal(proofs.length, 4);
    assert.equal(new Set(proofs.map((proof) => claimsOf(proof).jti)).size, 4);
    assert.equal(claimsOf(proofs[1]).htu, `${front.url}/v1/refresh`);
    assert.equal(claimsOf(proofs[1]).htm, 'POST');
    assert.deepEqual(Object.keys(claimsOf(proofs[1], 0).jwk).sort(), ['crv', 'kty', 'x', 'y']);
});

test('a refresh token that is stolen is worth nothing without the key, and its owner goes on', async () => {
    const storage = shelf();
    const owner = device({ dpop: dpopKey('owner'), storage: keptIn(storage) });
    await signIn(owner);
    const [stolen] = storage.items.values();
    const thief = device({ storage: () => ({ read: () => stolen, write: () => {} }) });
    assert.deepEqual(await thief.whenReady(), { status: 'signed-out', user: null, reason: 'proof' });
    const other = device({ dpop: dpopKey('thief'), storage: () => ({ read: () => stolen, write: () => {} }) });
    await signIn(device({ dpop: dpopKey('thief') }));
    await assert.rejects(other.me(), { name: 'Unavailable' });
    pass(LIFE);
    assert.equal((await owner.me()).username, 'anna');
});

test('a device clock that is a day off is set right by the server’s', async () => {
    pass(0, 86_400_000);
    const client = device({ dpop: dpopKey('clock') });
    assert.equal((await signIn(client)).status, 'signed-in');
    pass(LIFE);
    assert.equal((await client.me()).username, 'anna');
    assert.equal(client.state.status, 'signed-in');
});

test('lost answers are asked for again with another proof', async () => {
    const client = device({ dpop: dpopKey('lost') });
    await signIn(client);
    let losses = 3;
    front.through = async (asked, forward) => {
        const answer = await forward();
        return asked.path === '/v1/refresh' && losses-- > 0 ? null : answer;
    };
    pass(LIFE);
    assert.equal((await client.me()).username, 'anna');
});

test('a page that is loaded again has the key still, and no script reads it out', async () => {
    const jar = new Map();
    const page = () => device({ transport: 'cookie', dpop: dpopKey('page'), fetch: withCookies(front.url, jar) });
    await signIn(page());
    assert.equal((await page().whenReady()).user.username, 'anna');
    const opened = await new Promise((done) => {
        const opening = indexedDB.open('page');
        opening.onsuccess = () => done(opening.result);
    });
    const { privateKey } = await new Promise((done) => {
        const getting = opened.transaction('keys').objectStore('keys').get('key');
        getting.onsuccess = () => done(getting.result);
    });
    assert.equal(privateKey.extractable, false);
    await assert.rejects(crypto.subtle.exportKey('jwk', privateKey));
});

test('a key that is gone is the end of the session for this device', async () => {
    const jar = new Map();
    const page = (dpop) => device({ transport: 'cookie', dpop, fetch: withCookies(front.url, jar) });
    await signIn(page(dpopKey('gone')));
    assert.equal((await page(dpopKey('none there')).whenReady()).status, 'signed-out');
});

test('where there is no IndexedDB, sign-ins are not bound, and last all the same', async () => {
    const { open } = indexedDB;
    IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); };
    try {
        const client = device({ dpop: dpopKey('forbidden') });
        await signIn(client);
        pass(LIFE);
        assert.equal((await client.me()).username, 'anna');
        assert.equal(claimsOf(await client.getAccessToken()).cnf, undefined);
    } finally {
        IDBFactory.prototype.open = open;
    }
});
