// `fetch` as the user: one refresh for all, where tokens go to, and what an answer 401 does.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { PASSWORD, until } from '../testing/keyward.mjs';

import { pass, setClocksRight } from './browser.mjs';
import { Api, Front } from './front.mjs';

const LIFE = 900_000;

const clients = [];
let front, api, stranger;
before(async () => {
    front = await Front.start({ users: ['anna'] });
    // The check of another listener is for gateways that append paths: the API's own query goes to this one.
    api = await Api.start(`${front.keyward.listens}/v1/check`);
    stranger = await Api.start(`${front.keyward.listens}/v1/check`);
});
after(async () => {
    await api.stop();
    await stranger.stop();
    await front.stop();
});
afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    setClocksRight();
    front.calm();
    for (const one of [api, stranger]) {
        one.seen = [];
        one.answers = {};
    }
});

async function signedIn(options = {}) {
    const client = createClient({ baseUrl: front.url, transport: 'body', origins: [api.origin], poll: 0, ...options });
    clients.push(client);
    assert.equal((await client.signIn({ username: 'anna', password: PASSWORD })).status, 'signed-in');
    front.seen = [];
    return client;
}

const read = async (answer) => [answer.status, await answer.text()];

test('an API is asked as the user', async () => {
    const client = await signedIn();
    assert.deepEqual(await read(await client.fetch(`${api.origin}/notes`)), [200, 'anna']);
    assert.deepEqual(await read(await client.fetch(new Request(`${api.origin}/notes`))), [200, 'anna']);
    assert.deepEqual(await read(await client.fetch(new URL(`${api.origin}/notes`))), [200, 'anna']);
});

test('50 requests at once whose token is over are one refresh on the wire', async () => {
    const client = await signedIn();
    pass(LIFE);
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.fetch(`${api.origin}/notes`)));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(front.count('/v1/refresh'), 1);
});

test('a token that is good is not refreshed', async () => {
    const client = await signedIn();
    pass(LIFE * 0.8);
    await client.fetch(`${api.origin}/notes`);
    assert.equal(front.count('/v1/refresh'), 0);
});

test('a device clock that is put a day forward or back is no matter', async () => {
    const client = await signedIn();
    const day = 86_400_000;
    pass(0, -day);
    assert.equal((await client.fetch(`${api.origin}/notes`)).status, 200);
    assert.equal(front.count('/v1/refresh'), 0);
    pass(0, 2 * day);
    assert.equal((await client.fetch(`${api.origin}/notes`)).status, 200);
    assert.equal((await client.fetch(`${api.origin}/notes`)).status, 200);
    assert.equal(front.count('/v1/refresh'), 1);
    assert.equal(client.state.status, 'signed-in');
});

test('a machine whose steady clock slept refreshes by the other one', async () => {
    const client = await signedIn();
    pass(0, LIFE);
    assert.equal((await client.fetch(`${api.origin}/notes`)).status, 200);
    assert.equal(front.count('/v1/refresh'), 1);
});

for (const code of ['token_expired', 'token_outdated']) {
    test(`a request that was answered 401 ${code} is tried once more with a new token`, async () => {
        const client = await signedIn();
        const body = JSON.stringify({ code });
        api.answers['/stale'] = { status: 401, headers: { 'content-type': 'application/problem+json' }, body };
        pass(2_000);
        const answer = await client.fetch(`${api.origin}/stale`, { method: 'POST', body: 'a note' });
        assert.equal(answer.status, 401);
        assert.deepEqual(api.seen.map((asked) => asked.body), ['a note', 'a note']);
        assert.equal(new Set(api.seen.map(({ authorization }) => authorization)).size, 2);
        assert.equal(front.count('/v1/refresh'), 1);
        assert.equal(client.state.status, 'signed-in');
    });
}

test('a token that came a moment ago is not replaced for who says that it is over', async () => {
    const client = await signedIn();
    api.answers['/stale'] = { status: 401, headers: { 'x-auth-reason': 'token_expired' } };
    for (let round = 0; round < 5; round++) assert.equal((await client.fetch(`${api.origin}/stale`)).status, 401);
    assert.ok(front.count('/v1/refresh') <= 1, `${front.count('/v1/refresh')} refreshes`);
});

test('an API that says 401 for reasons of its own causes no refresh and no sign-out', async () => {
    const client = await signedIn();
    const said = ['', '<h1>401</h1>', '{"code":"nope"}', '{"code":"session_ended"}'];
    for (const [at, body] of said.entries()) {
        api.answers[`/${at}`] = { status: 401, headers: { 'www-authenticate': 'Basic' }, body };
        const answer = await client.fetch(`${api.origin}/${at}`);
        assert.deepEqual(await read(answer), [401, body]);
    }
    // It is looked at, though: Keyward is asked whether the session goes on.
    await until(() => front.count('/v1/me') > 0);
    assert.equal(front.count('/v1/refresh'), 0);
    assert.equal(client.state.status, 'signed-in');
});

test('a session that was ended elsewhere is noticed by the next request', async () => {
    const client = await signedIn();
    front.keyward.run(['session', 'revoke', client.state.session]);
    // Another process has ended it: the server learns of that by and by.
    await until(async () => (await client.fetch(`${api.origin}/notes`).catch(() => ({}))).status !== 200);
    await until(() => client.state.status === 'signed-out');
    assert.equal(client.state.reason, 'admin');
});

test('401 insufficient_user_authentication is an error of its own, and neither refreshes nor signs out', async () => {
    const client = await signedIn();
    pass(2_000);
    await assert.rejects(client.fetch(`${api.origin}/pay?acr=2`), { name: 'StepUpRequired', acr: '2', maxAge: null });
    await assert.rejects(client.fetch(`${api.origin}/pay?max_age=0`), { name: 'StepUpRequired', acr: null, maxAge: 0 });
    assert.equal(front.count('/v1/refresh'), 0);
    assert.equal(client.state.status, 'signed-in');
});

test('a token goes to listed origins alone', async () => {
    const client = await signedIn();
    await client.fetch(`${stranger.origin}/notes`);
    await client.fetch(new Request(`${stranger.origin}/notes`));
    await client.fetch(`${api.origin.replace('localhost', '127.0.0.1')}/notes`).catch(() => {});
    assert.deepEqual(stranger.seen.map(({ authorization }) => authorization), [undefined, undefined]);
    await client.fetch(`http://anna@localhost:${new URL(api.origin).port}/`).catch(() => {});
    assert.equal(stranger.seen.length, 2);
});

test('a token does not follow a redirect, wherever that leads', async () => {
    const client = await signedIn();
    for (const status of [301, 302, 303, 307, 308]) {
        for (const location of [`${stranger.origin}/steal`, '/notes']) {
            api.answers['/moved'] = { status, headers: { location } };
            await assert.rejects(client.fetch(`${api.origin}/moved`), { name: 'TypeError' });
        }
    }
    const answer = await client.fetch(`${api.origin}/moved`, { redirect: 'manual' });
    assert.equal(answer.status, 308);
    assert.deepEqual(stranger.seen, []);
    assert.ok(api.seen.every(({ url }) => url === '/moved'));
});

test('a request that brings a credential of its own keeps it', async () => {
    const client = await signedIn();
    await client.fetch(`${api.origin}/notes`, { headers: { authorization: 'Basic eDp5' } });
    assert.deepEqual(api.seen.map(({ authorization }) => authorization), ['Basic eDp5']);
});

test('who is signed out sends no token', async () => {
    const client = await signedIn();
    await client.signOut();
    const answer = await client.fetch(`${api.origin}/notes`);
    assert.equal(answer.status, 401);
    assert.equal(api.seen.at(-1).authorization, undefined);
    assert.equal(await client.getAccessToken(), null);
});

test('getAccessToken is the token of now', async () => {
    const client = await signedIn();
    const token = await client.getAccessToken();
    assert.equal(token.split('.').length, 3);
    assert.equal(await client.getAccessToken(), token);
    pass(LIFE);
    assert.notEqual(await client.getAccessToken(), token);
});

test('the access token is in no storage', async () => {
    const kept = new Map();
    const storage = () => ({ read: () => kept.get('token') ?? null, write: (token) => kept.set('token', token) });
    const client = await signedIn({ storage });
    const access = await client.getAccessToken();
    assert.ok(kept.size && ![...kept.values()].some((value) => String(value).includes(access)));
});

test('what a server answers pollutes no prototype', async () => {
    const client = await signedIn();
    const evil = '{"id":"x","username":"x","__proto__":{"isEvil":true},"constructor":{"prototype":{"isEvil":true}}}';
    front.through = async (asked, forward) => (asked.path === '/v1/me'
        ? { status: 200, headers: { 'content-type': 'application/json' }, body: evil } : forward());
    await client.me();
    await client.ask('GET', '/v1/me');
    assert.equal({}.isEvil, undefined);
});
