// Web Locks are a courtesy: whatever becomes of them, nobody waits longer than a second, and no lock is taken away.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { PASSWORD, until } from '../testing/keyward.mjs';

import { pass, setClocksRight, withCookies } from './browser.mjs';
import { Front } from './front.mjs';

const LIFE = 900_000;
const clients = [];

let front;
before(async () => { front = await Front.start({ users: ['anna', 'ben'] }); });
after(() => front.stop());
afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    Reflect.deleteProperty(globalThis, 'navigator');
    setClocksRight();
    front.calm();
});

/** What a browser's does: one after the other. */
function inTurn() {
    let last = Promise.resolve();
    return (act) => {
        const done = last.then(act);
        last = done.catch(() => {});
        return done;
    };
}

/** Puts a manager of locks in place; returns what it is asked. */
function withLocks(answer) {
    const asked = [];
    const request = (name, act) => {
        asked.push(name);
        return answer(act);
    };
    Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { locks: { request } } });
    return asked;
}

async function tab(jar = new Map()) {
    const client = createClient({ baseUrl: front.url, transport: 'cookie', fetch: withCookies(front.url, jar), poll: 0 });
    clients.push(client);
    if (!jar.size) await signIn(client, 'anna');
    else await client.whenReady();
    return client;
}

const signIn = (client, username) => client.signIn({ username, password: PASSWORD });

const troubles = {
    'never answers': () => new Promise(() => {}),
    'refuses': async () => { throw new DOMException('no', 'SecurityError'); },
    'answers late': (act) => new Promise((done) => setTimeout(() => done(act({})), 1_500)),
};

for (const [name, answer] of Object.entries(troubles)) {
    test(`a lock manager that ${name} holds up no refresh`, async () => {
        const client = await tab();
        const asked = withLocks(answer);
        pass(LIFE);
        assert.equal((await client.me()).username, 'anna');
        assert.equal(front.count('/v1/refresh'), 1);
        assert.equal(asked.length, 1);
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
    withLocks(inTurn());
    let underWay = 0;
    let most = 0;
    front.through = async (asked, forward) => {
        if (asked.path !== '/v1/refresh') return forward();
        most = Math.max(most, ++underWay);
        const answer = await forward();
        underWay--;
        return answer;
    };
    pass(LIFE);
    front.seen = [];
    await Promise.all([one.me(), other.me()]);
    assert.deepEqual([front.count('/v1/refresh'), most], [2, 1]);
    assert.deepEqual([one.state.status, other.state.status], ['signed-in', 'signed-in']);
});

test('a sign-in waits for the refresh of another tab, whose late answer would bring back the cookie of before', async (t) => {
    withLocks(inTurn());
    // The milliseconds before a broadcast is heard, for as long as the test takes.
    t.mock.method(BroadcastChannel.prototype, 'postMessage', () => {});
    const jar = new Map();
    const [late, here] = [await tab(jar), await tab(jar)];
    await here.me();
    let signedIn;
    const afterSignIn = new Promise((done) => { signedIn = done; });
    front.through = async (asked, forward) => {
        const answer = await forward();
        // Late: after the sign-in, if that does not wait, and well within the second for which it does.
        if (asked.path === '/v1/refresh') await Promise.race([afterSignIn, new Promise((go) => setTimeout(go, 300))]);
        return answer;
    };
    pass(LIFE);
    front.seen = [];
    const asked = late.me().catch(() => {});
    await until(() => front.count('/v1/refresh') === 1);
    assert.equal((await signIn(here, 'ben')).user.username, 'ben');
    signedIn();
    await asked;
    front.calm();
    pass(LIFE);
    assert.equal((await here.me()).username, 'ben');
});

test('a sign-in is not held up by a refresh of its own tab, whichever began first', async () => {
    withLocks(inTurn());
    const client = createClient({ baseUrl: front.url, transport: 'cookie', fetch: withCookies(front.url), poll: 0 });
    clients.push(client);
    for (const username of ['anna', 'ben']) {
        client.onChange(() => {});
        const begun = Date.now();
        const asked = client.me().catch(() => {});
        const done = signIn(client, username);
        const beside = client.me().catch(() => {});
        assert.equal((await done).user.username, username);
        assert.ok(Date.now() - begun < 900, `${Date.now() - begun} ms`);
        await Promise.all([asked, beside]);
        assert.equal((await client.me()).username, username);
        pass(LIFE);
    }
});
