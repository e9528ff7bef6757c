// The refresh token of `body`: kept before it is used, shared by two processes, and never the end of a session.
import assert from 'node:assert/strict';
import { after, afterEach, before, mock, test } from 'node:test';

import { createClient } from '@keyward/client';
import { keptIn } from '@keyward/client/storage';
import { PASSWORD, until } from '../testing/keyward.mjs';

import { pass, setClocksRight } from './browser.mjs';
import { Front } from './front.mjs';

const LIFE = 900_000;
const clients = [];

let front;
before(async () => { front = await Front.start({ users: ['anna', 'ben'], settings: { TOKENS_REUSE_GRACE: '1ms' } }); });
after(() => front.stop());
afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    setClocksRight();
    mock.restoreAll();
    front.calm();
});

/** What `localStorage` is, with a log. */
class Shelf {
    items = new Map();
    log = [];
    getItem(key) {
        this.log.push('get');
        return this.items.get(key) ?? null;
    }
    setItem(key, value) {
        this.log.push('set');
        this.items.set(key, value);
    }
    removeItem(key) {
        this.log.push('remove');
        this.items.delete(key);
    }
    get token() { return [...this.items.values()][0]; }
}

function process(shelf) {
    const client = createClient({ baseUrl: front.url, transport: 'body', storage: keptIn(shelf), poll: 0 });
    clients.push(client);
    return client;
}

const signIn = (client, username = 'anna') => client.signIn({ username, password: PASSWORD });

test('a new refresh token is kept before anything that came with it is used', async () => {
    const shelf = new Shelf();
    const client = process(shelf);
    front.through = async (asked, forward) => {
        if (asked.headers.authorization) shelf.log.push('used');
        return forward();
    };
    await signIn(client);
    assert.ok(shelf.log.indexOf('set') < shelf.log.indexOf('used'));
    shelf.log = [];
    pass(LIFE);
    await client.me();
    assert.equal(shelf.log[0], 'get');
    assert.ok(shelf.log.indexOf('set') < shelf.log.indexOf('used'), shelf.log.join());
});

test('a process that starts goes on with what is kept', async () => {
    const shelf = new Shelf();
    await signIn(process(shelf));
    const next = process(shelf);
    assert.equal((await next.whenReady()).user.username, 'anna');
    await next.signOut();
    assert.equal(shelf.items.size, 0);
    assert.deepEqual(await process(shelf).whenReady(), { status: 'signed-out', user: null, reason: null });
});

test('a name that some storages would not take is none', async () => {
    const shelf = new Shelf();
    await signIn(process(shelf));
    assert.match([...shelf.items.keys()][0], /^[\w.-]+$/);
});

test('two processes that share a storage refresh by turns, and neither is taken for a thief', async () => {
    const shelf = new Shelf();
    const one = process(shelf);
    await signIn(one);
    const other = process(shelf);
    await other.whenReady();
    for (let round = 0; round < 4; round++) {
        pass(LIFE);
        await one.me();
        pass(LIFE);
        await other.me();
    }
    assert.deepEqual([one.state.status, other.state.status], ['signed-in', 'signed-in']);
});

test('a process in which somebody else has signed in meanwhile goes on as that user', async () => {
    const shelf = new Shelf();
    const one = process(shelf);
    const other = process(shelf);
    await signIn(one, 'anna');
    await signIn(other, 'ben');
    const seen = [];
    one.onChange((state) => seen.push(state.user?.username ?? state.reason));
    pass(LIFE);
    await assert.rejects(one.fetch(`${front.url}/v1/me`), { name: 'NotSignedIn' });
    assert.equal(one.state.user.username, 'ben');
    assert.deepEqual(seen, ['replaced', 'ben']);
    assert.equal((await one.me()).username, 'ben');
});

const full = new DOMException('full', 'QuotaExceededError');
const broken = {
    'a storage that is full': { setItem() { throw full; } },
    'a storage that is forbidden': {
        getItem() { throw full; }, setItem() { throw full; }, removeItem() { throw full; },
    },
    'a storage that fails later': { setItem: async () => { throw full; }, getItem: async () => { throw full; } },
};

for (const [name, methods] of Object.entries(broken)) {
    test(`${name} signs nobody out, and is told of once`, async () => {
        const warn = mock.method(console, 'warn', () => {});
        const client = process(Object.assign(new Shelf(), methods));
        await signIn(client);
        for (let round = 0; round < 3; round++) {
            pass(LIFE);
            assert.equal((await client.me()).username, 'anna');
        }
        assert.equal(warn.mock.callCount(), 1);
    });

    test(`${name} from some day on leaves no token there that would look stolen`, async () => {
        mock.method(console, 'warn', () => {});
        const shelf = new Shelf();
        const client = process(shelf);
        await signIn(client);
        const old = shelf.token;
        const removal = methods.removeItem ? {} : { removeItem: Shelf.prototype.removeItem };
        Object.assign(shelf, methods, removal);
        pass(LIFE);
        await client.me();
        if (!methods.removeItem) assert.notEqual(shelf.token, old);
        pass(LIFE);
        assert.equal((await client.me()).username, 'anna');
    });
}

test('a storage that never answers holds nobody up for long', async () => {
    mock.method(console, 'warn', () => {});
    const client = process({ ...broken, getItem: () => new Promise(() => {}), setItem() {}, removeItem() {} });
    assert.equal((await signIn(client)).status, 'signed-in');
    pass(LIFE);
    assert.equal((await client.me()).username, 'anna');
});

test('a refresh whose token is being kept while somebody else signs in changes nothing', async () => {
    let token = null;
    let isHolding = false;
    let answer;
    const held = new Promise((go) => { answer = go; });
    const write = async (next) => {
        if (isHolding) {
            isHolding = false;
            return held;
        }
        token = next;
    };
    const client = createClient({ baseUrl: front.url, transport: 'body', storage: () => ({ read: () => token, write }), poll: 0 });
    clients.push(client);
    await signIn(client, 'anna');
    isHolding = true;
    pass(LIFE);
    const asked = client.me().catch(() => {});
    await until(() => !isHolding);
    assert.equal((await signIn(client, 'ben')).user.username, 'ben');
    answer();
    await asked;
    assert.equal(client.state.user.username, 'ben');
    assert.equal((await client.me()).username, 'ben');
});
