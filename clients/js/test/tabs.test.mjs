// Tabs of one browser, and what happens to their session elsewhere.
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
    setClocksRight();
    front.calm();
});

function tab(transport, jar, options = {}) {
    const client = createClient({ baseUrl: front.url, transport, fetch: withCookies(front.url, jar), poll: 0, ...options });
    clients.push(client);
    const seen = [];
    client.onChange((state) => seen.push(state.user?.username ?? state.reason));
    return { client, seen };
}

const signIn = (client, username = 'anna') => client.signIn({ username, password: PASSWORD });

for (const transport of ['session', 'cookie']) {
    test(`${transport}: a sign-in and a sign-out in one tab are seen by all`, async () => {
        const jar = new Map();
        const tabs = Array.from({ length: 5 }, () => tab(transport, jar));
        await Promise.all(tabs.map(({ client }) => client.whenReady()));
        await signIn(tabs[0].client);
        await until(() => tabs.every(({ client }) => client.state.user?.username === 'anna'));
        await tabs[4].client.signOut();
        await until(() => tabs.every(({ client }) => client.state.status === 'signed-out'));
        for (const { seen } of tabs) assert.deepEqual(seen, [null, 'anna', 'logout']);
    });

    test(`${transport}: another user in one tab is another user in all`, async () => {
        const jar = new Map();
        const [one, other] = [tab(transport, jar), tab(transport, jar)];
        await signIn(one.client, 'anna');
        await until(() => other.client.state.user?.username === 'anna');
        await signIn(other.client, 'ben');
        await until(() => one.client.state.user?.username === 'ben');
        assert.deepEqual(one.seen.slice(-2), ['replaced', 'ben']);
        await one.client.me();
    });

    test(`${transport}: a session that was ended elsewhere is noticed without a request, with the reason`, async () => {
        const { client } = tab(transport, new Map(), { poll: 0.05 });
        await signIn(client);
        front.keyward.run(['session', 'revoke', '--user', 'anna']);
        await until(() => client.state.status === 'signed-out');
        assert.equal(client.state.reason, 'admin');
    });

    test(`${transport}: forged broadcasts cause questions to the server, few of them, and nothing else`, async (t) => {
        const { client, seen } = tab(transport, new Map());
        await signIn(client);
        const { state } = client;
        front.seen = [];
        const forger = new BroadcastChannel(`keyward..${front.url}`);
        t.after(() => forger.close());
        const forged = [true, 'changed', 'signed-out', { status: 'signed-out' }, { user: { id: 'x' } }, { access_token: 'x' }];
        for (let round = 0; round < 100; round++) for (const message of forged) forger.postMessage(message);
        await until(() => front.count('/v1/me') > 0);
        await client.me();
        assert.equal(client.state, state);
        assert.ok(front.seen.length <= 10, `${front.seen.length} questions`);
        assert.ok(!seen.includes(null) || seen.indexOf(null) === 0);
    });
}

test('tabs that refresh at the same moment stay signed in, with one refresh each', async () => {
    const jar = new Map();
    const tabs = Array.from({ length: 20 }, () => tab('cookie', jar));
    await signIn(tabs[0].client);
    await until(() => tabs.every(({ client }) => client.state.status === 'signed-in'));
    for (let round = 0; round < 3; round++) {
        front.seen = [];
        pass(LIFE);
        await Promise.all(tabs.map(({ client }) => client.me()));
        assert.equal(front.count('/v1/refresh'), 20);
    }
    assert.ok(tabs.every(({ client }) => client.state.status === 'signed-in'));
});

test('processes that share a storage and refresh at the same moment stay signed in', async () => {
    let token = null;
    const storage = () => ({ read: () => token, write: (next) => { token = next; } });
    const processes = Array.from({ length: 5 }, () => tab('body', new Map(), { storage }));
    await signIn(processes[0].client);
    await until(() => processes.every(({ client }) => client.state.status === 'signed-in'));
    for (let round = 0; round < 3; round++) {
        pass(LIFE);
        await Promise.all(processes.map(({ client }) => client.me()));
    }
    assert.ok(processes.every(({ client }) => client.state.status === 'signed-in'));
});

test('a client that keeps its token in memory tells nobody, and is told nothing', async () => {
    const [one, other] = [tab('body', new Map()), tab('body', new Map())];
    await signIn(one.client);
    front.seen = [];
    await signIn(other.client, 'ben');
    await other.client.signOut();
    assert.equal((await one.client.me()).username, 'anna');
    assert.equal(front.count('/v1/me'), 2);
});

test('apps at one address share its cookie, and so what becomes of it', async () => {
    const jar = new Map();
    const [notes, admin] = [tab('cookie', jar, { app: 'default' }), tab('cookie', jar)];
    await signIn(notes.client);
    await until(() => admin.client.state.user?.username === 'anna');
    await admin.client.signOut();
    await until(() => notes.client.state.status === 'signed-out');
    assert.equal(notes.client.state.reason, 'logout');
});

test('apps that keep their tokens in one storage have nothing to do with each other', async () => {
    const shelf = new Map();
    const storage = (name) => ({ read: () => shelf.get(name) ?? null, write: (token) => shelf.set(name, token) });
    const [notes, other] = [tab('body', new Map(), { storage, app: 'default' }), tab('body', new Map(), { storage })];
    await signIn(notes.client);
    await signIn(other.client, 'ben');
    pass(LIFE);
    assert.equal((await notes.client.me()).username, 'anna');
    await other.client.signOut();
    pass(LIFE);
    assert.equal((await notes.client.me()).username, 'anna');
});

test('a request that is under way fails by nothing that other tabs say', async () => {
    const jar = new Map();
    const [one, other] = [tab('cookie', jar), tab('cookie', jar)];
    await signIn(one.client);
    await until(() => other.client.state.user?.username === 'anna');
    let open;
    const opened = new Promise((go) => { open = go; });
    front.through = async (asked, forward) => {
        const answer = await forward();
        if (asked.path === '/v1/sessions') await opened;
        return answer;
    };
    front.seen = [];
    const listed = other.client.sessions.list();
    await until(() => front.count('/v1/sessions') === 1);
    await one.client.signIn({ username: 'anna', password: 'wrong' });
    await other.client.signIn({ username: 'anna', password: 'wrong' });
    const forger = new BroadcastChannel(`keyward..${front.url}`);
    forger.postMessage('logout');
    await until(() => front.count('/v1/me') > 0);
    forger.close();
    open();
    assert.ok((await listed).some(({ current }) => current));
});

test('a listener that is taken off hears nothing more', async () => {
    const { client, seen } = tab('body', new Map());
    const end = client.onChange(() => seen.push('not any more'));
    end();
    await client.whenReady();
    assert.deepEqual(seen, [null]);
});
