// Web Locks are a courtesy: whatever becomes of them, nobody waits longer than a second, and no lock is taken away.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { createClient } from '@keyward/client';
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
    Reflect.deleteProperty(globalThis, 'navigator');
    setClocksRight();
    front.calm();
});

/** Puts a manager of locks in place; returns what it is asked. */
function withLocks(answer) {
    const asked = [];
    const request = (name, options, act) => {
        asked.push(options);
        return answer(act);
    };
    Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { locks: { request } } });
    return asked;
}

async function tab(jar = new Map()) {
    const client = createClient({ baseUrl: front.url, transport: 'cookie', fetch: withCookies(front.url, jar), poll: 0 });
    clients.push(client);
    if (!jar.size) await client.signIn({ username: 'anna', password: PASSWORD });
    else await client.whenReady();
    return client;
}

const troubles = {
    'never answers': () => new Promise(() => {}),
    'refuses': async () => { throw new DOMException('no', 'SecurityError'); },
    'never has the lock': async (act) => act(null),
    'answers late': (act) => new Promise((done) => setTimeout(() => done(act({})), 1_500)),
};

for (const [name, answer] of Object.entries(troubles)) {
    test(`a lock manager that ${name} holds up no refresh`, async () => {
        const client = await tab();
        const asked = withLocks(answer);
        pass(LIFE);
        assert.equal((await client.me()).username, 'anna');
        assert.equal(front.count('/v1/refresh'), 1);
        assert.deepEqual(asked, [{ ifAvailable: true }]);
    });
}

test('a lock is held for the refresh and given back after it', async () => {
    const client = await tab();
    let isHeld = false;
    let wasHeld = false;
    withLocks(async (act) => {
        isHeld = true;
        await Promise.resolve(act({})).finally(() => { isHeld = false; });
    });
    front.through = (asked, forward) => {
        wasHeld ||= asked.path === '/v1/refresh' && isHeld;
        return forward();
    };
    pass(LIFE);
    await client.me();
    assert.deepEqual([wasHeld, isHeld], [true, false]);
    front.through = async () => null;
    pass(LIFE);
    await assert.rejects(client.me(), { name: 'Unavailable' });
    assert.equal(isHeld, false);
});

test('a tab whose turn it is not goes ahead as soon as the other one is done', async () => {
    const jar = new Map();
    const [one, other] = [await tab(jar), await tab(jar)];
    await other.me();
    let isTaken = false;
    withLocks(async (act) => {
        if (isTaken) return act(null);
        isTaken = true;
        return Promise.resolve(act({})).finally(() => { isTaken = false; });
    });
    pass(LIFE);
    front.seen = [];
    await Promise.all([one.me(), other.me()]);
    assert.equal(front.count('/v1/refresh'), 2);
    assert.deepEqual([one.state.status, other.state.status], ['signed-in', 'signed-in']);
});
