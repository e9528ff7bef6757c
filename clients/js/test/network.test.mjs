// Networks that lose, delay and forge answers, and servers that cannot say: nobody is signed out by any of it.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { PASSWORD, until } from '../testing/keyward.mjs';

import { pass, setClocksRight, withCookies } from './browser.mjs';
import { Front } from './front.mjs';

const LIFE = 900_000;

const clients = [];
let front;
before(async () => { front = await Front.start({ users: ['anna', 'ben'], settings: { TOKENS_REUSE_GRACE: '1s' } }); });
after(() => front.stop());
afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    setClocksRight();
    front.calm();
});

const tokenTransports = ['cookie', 'body'];

function device(transport, options = {}) {
    const client = createClient({ baseUrl: front.url, transport, poll: 0, fetch: withCookies(front.url), ...options });
    clients.push(client);
    return client;
}

const signIn = (client, username = 'anna') => client.signIn({ username, password: PASSWORD });

async function signedIn(transport, options) {
    const client = device(transport, options);
    assert.equal((await signIn(client)).status, 'signed-in');
    front.seen = [];
    return client;
}

/** Does this to the next requests of a path, one each. */
function then(path, ...acts) {
    front.through = (asked, forward) => (asked.path.startsWith(path) && acts.length ? acts.shift()(forward) : forward());
}

const lost = async (forward) => {
    await forward();
    return null;
};
const cut = async () => null;
const said = (status, body = '', headers = {}) => async () => ({ status, body, headers });

for (const transport of tokenTransports) {
    test(`${transport}: answers to refreshes that are lost sign nobody out`, async () => {
        const client = await signedIn(transport);
        for (let round = 0; round < 4; round++) {
            then('/v1/refresh', lost, cut, lost);
            pass(LIFE);
            assert.equal((await client.me()).username, 'anna');
        }
        assert.equal(client.state.status, 'signed-in');
    });
}

const trouble = {
    'a connection that breaks': cut,
    'a captive portal': said(200, '<h1>Welcome to the hotel</h1>', { 'content-type': 'text/html' }),
    'a captive portal that speaks JSON': said(200, '{"ok":true}', { 'content-type': 'application/json' }),
    'an empty answer': said(200),
    'a portal that redirects': said(302, '', { location: 'http://localhost:1/portal' }),
    'a 401 of a proxy': said(401, 'who are you?', { 'www-authenticate': 'Basic' }),
    'a 401 of a proxy with a code of its own': said(401, '{"code":"session_ended"}', { 'content-type': 'application/json' }),
    'a 403 of a firewall': said(403, 'no'),
    'a 404': said(404, '{}'),
    '429': said(429, '', { 'retry-after': '0' }),
    '500': said(500),
    '502 of a gateway': said(502, '<h1>Bad gateway</h1>'),
    '503 with a problem': said(503, JSON.stringify({
        type: 'urn:keyward:problem:store_unavailable', code: 'store_unavailable', status: 503, detail: 'later',
    })),
};

for (const [name, act] of Object.entries(trouble)) {
    test(`${name} in the place of a refresh keeps the session, and is tried again`, async () => {
        const client = await signedIn('body');
        then('/v1/refresh', act, act);
        pass(LIFE);
        assert.equal((await client.me()).username, 'anna');
        assert.equal(front.count('/v1/refresh'), 3);
    });

    test(`${name} in the place of a sign-in is no result`, async () => {
        const client = device('body');
        then('/v1/login', act);
        await assert.rejects(signIn(client), { name: 'Unavailable' });
        assert.equal((await signIn(client)).status, 'signed-in');
    });

    test(`${name} in the place of a sign-out signs nobody out`, async () => {
        const client = await signedIn('cookie');
        then('/v1/logout', act);
        await assert.rejects(client.signOut());
        assert.equal(client.state.status, 'signed-in');
        await client.signOut();
        assert.equal(client.state.status, 'signed-out');
    });
}

for (const name of ['a connection that breaks', 'a captive portal', '500']) {
    test(`${name} for long is Unavailable, and later all is as it was`, async () => {
        const act = trouble[name];
        const client = await signedIn('body');
        front.through = (asked, forward) => (asked.path === '/v1/refresh' ? act(forward) : forward());
        pass(LIFE);
        await assert.rejects(client.me(), { name: 'Unavailable' });
        assert.equal(client.state.status, 'signed-in');
        front.calm();
        await until(() => client.me().catch(() => null));
        assert.equal(client.state.status, 'signed-in');
    });
}

test('a 204 that brings no tokens is neither a refresh nor a sign-in', async () => {
    const client = await signedIn('body');
    then('/v1/refresh', said(204));
    pass(LIFE);
    assert.equal((await client.me()).username, 'anna');
    then('/v1/login', said(204));
    await assert.rejects(signIn(client, 'ben'), { name: 'Unavailable' });
    assert.equal((await client.me()).username, 'anna');
});

test('each of the codes of Keyward about a session ends it, from Keyward itself', async () => {
    for (const code of ['refresh_invalid', 'refresh_expired', 'refresh_reused', 'session_ended', 'token_revoked']) {
        const client = await signedIn('body');
        const body = JSON.stringify({ type: `urn:keyward:problem:${code}`, code, status: 401, detail: '…' });
        then('/v1/refresh', said(401, body, { 'content-type': 'application/problem+json' }));
        pass(LIFE);
        await assert.rejects(client.me(), { name: 'NotSignedIn' });
        assert.deepEqual(client.state, { status: 'signed-out', user: null, reason: code });
    }
});

test('Retry-After is waited for, and nobody asks before', async () => {
    const client = await signedIn('body');
    then('/v1/refresh', said(503, '', { 'retry-after': '1' }));
    pass(LIFE);
    const begun = Date.now();
    await client.me();
    assert.ok(Date.now() - begun >= 1_000);

    front.calm();
    then('/v1/refresh', said(503, '', { 'retry-after': '600' }));
    pass(LIFE);
    await assert.rejects(client.me(), ({ name, retryAfter }) => name === 'Unavailable' && retryAfter > 590 && retryAfter <= 750);
    await assert.rejects(client.me(), ({ name, retryAfter }) => name === 'Unavailable' && retryAfter > 500);
    assert.equal(front.count('/v1/refresh'), 1);
    pass(1_000_000);
    assert.equal((await client.me()).username, 'anna');
});

const inSeconds = (seconds) => new Date(Date.now() + seconds * 1000).toUTCString();
const HOUR = 3_600;

// What Retry-After and Date say, how wrong the device's clock is in seconds, and when to come back.
const dates = {
    'a date': [inSeconds(120), inSeconds(0), 0, 120],
    'a date, on a device that is a day ahead': [inSeconds(120), inSeconds(0), 86_400, 120],
    'a date, on a device that is a day behind': [inSeconds(120), inSeconds(0), -86_400, 120],
    'a date without a Date': [inSeconds(120), null, 0, 120],
    'a date without a Date, on a device that is a day behind': [inSeconds(120), null, -86_400, HOUR],
    'a date without a Date, on a device that is a day ahead': [inSeconds(120), null, 86_400, null],
    'a date beside a Date of no use': [inSeconds(120), 'noon', 0, 120],
    'an old date': [inSeconds(-120), inSeconds(0), 0, null],
    'the end of time': ['99999999999999999999', null, 0, HOUR],
    'more than that': ['Infinity', null, 0, HOUR],
    'less than nothing': ['-5', null, 0, null],
    'a word': ['soon', null, 0, null],
    'a date that is none': ['Wed, 99 Foo 2026 99:99:99 GMT', inSeconds(0), 0, null],
    'nothing': ['', null, 0, null],
};

for (const [name, [later, date, wrong, seconds]] of Object.entries(dates)) {
    const away = async () => ({
        status: 503, sendDate: false, headers: { 'retry-after': later, ...date && { date } },
    });

    test(`Retry-After, ${name}: ${seconds === null ? 'says nothing' : `${seconds} s`}`, async () => {
        const client = await signedIn('body');
        pass(LIFE, wrong * 1000);
        then('/v1/login', away);
        const { retryAfter } = await signIn(device('body')).catch((error) => error);
        // A header has whole seconds, and the tests began some seconds ago.
        if (seconds === null) assert.equal(retryAfter, null);
        else assert.ok(retryAfter <= seconds && retryAfter > seconds - 60, `${retryAfter} s`);

        front.seen = [];
        then('/v1/refresh', away, away);
        const begun = performance.now();
        if (seconds === null) {
            assert.equal((await client.me()).username, 'anna');
            assert.equal(front.count('/v1/refresh'), 3);
            assert.ok(performance.now() - begun >= 500, 'no loop is tight');
        } else {
            await assert.rejects(client.me(), { name: 'Unavailable' });
            assert.equal(front.count('/v1/refresh'), 1);
            // The pause is spread over a quarter more.
            pass(HOUR * 1.25 * 1000);
            front.calm();
            assert.equal((await client.me()).username, 'anna');
        }
    });
}

test('a token that has some life left serves while Keyward is away', async () => {
    const client = await signedIn('body');
    const token = await client.getAccessToken();
    front.through = async () => null;
    pass(LIFE * 0.95);
    assert.equal(await client.getAccessToken(), token);
    pass(LIFE * 0.05);
    await assert.rejects(client.getAccessToken(), { name: 'Unavailable' });
    assert.equal(client.state.status, 'signed-in');
    front.calm();
    pass(5_000);
    assert.notEqual(await client.getAccessToken(), token);
});

test('a sign-in that is refused for a while says when to come back', async () => {
    const client = device('body');
    then('/v1/login', said(429, JSON.stringify({
        type: 'urn:keyward:problem:too_many_attempts', code: 'too_many_attempts', status: 429, detail: 'wait',
    }), { 'retry-after': '77' }));
    await assert.rejects(signIn(client), {
        name: 'Unavailable', status: 429, code: 'too_many_attempts', retryAfter: 77, message: 'wait',
    });
});

test('a server that never answers holds nobody up', { timeout: 60_000 }, async () => {
    const client = await signedIn('body');
    then('/v1/refresh', () => new Promise(() => {}));
    pass(LIFE);
    assert.equal((await client.me()).username, 'anna');
});

test('a start without a network is unknown, and is made up for', async () => {
    const jar = new Map();
    await signedIn('cookie', { fetch: withCookies(front.url, jar) });
    front.through = cut;
    const client = device('cookie', { fetch: withCookies(front.url, jar) });
    const ready = client.whenReady();
    await assert.rejects(client.me(), { name: 'Unavailable' });
    assert.equal(client.state.status, 'unknown');
    front.calm();
    assert.equal((await ready).user.username, 'anna');
});

for (const transport of tokenTransports) {
    test(`${transport}: another user who signs in while a refresh is under way stays signed in`, async () => {
        const jar = new Map();
        const client = await signedIn(transport, { fetch: withCookies(front.url, jar) });
        const seen = [];
        client.onChange((state) => seen.push(state.user?.username ?? state.reason));
        let answer;
        const held = new Promise((go) => { answer = go; });
        then('/v1/refresh', async (forward) => {
            const late = await forward();
            await held;
            return late;
        });
        pass(LIFE);
        const asked = client.fetch(`${front.url}/v1/me`);
        const outcome = assert.rejects(asked, { name: /NotSignedIn|Unavailable/ });
        await until(() => front.count('/v1/refresh') === 1);
        assert.equal((await signIn(client, 'ben')).user.username, 'ben');
        answer();
        await outcome;
        assert.equal((await client.me()).username, 'ben');
        pass(LIFE);
        assert.equal((await client.me()).username, 'ben');
        assert.deepEqual(seen, ['replaced', 'ben']);
    });

    test(`${transport}: a refresh that is answered after the sign-out revives nothing`, async () => {
        const client = await signedIn(transport);
        let answer;
        const held = new Promise((go) => { answer = go; });
        then('/v1/refresh', async (forward) => {
            const late = await forward();
            await held;
            return late;
        });
        pass(LIFE);
        const asked = assert.rejects(client.me(), { name: 'NotSignedIn' });
        const access = client.getAccessToken();
        await until(() => front.count('/v1/refresh') === 1);
        // It waits for nothing.
        await client.signOut();
        answer();
        await asked;
        assert.equal(await access, null);
        assert.equal(client.state.status, 'signed-out');
        assert.equal(await client.getAccessToken(), null);
        await assert.rejects(client.me(), { name: 'NotSignedIn' });
    });
}

for (const transport of ['session', ...tokenTransports]) {
    test(`${transport}: who signs out before anything is known is signed out`, async () => {
        const jar = new Map();
        let token = null;
        const storage = () => ({ read: () => token, write: (next) => { token = next; } });
        const options = { fetch: withCookies(front.url, jar), ...transport === 'body' && { storage } };
        // It would look into what it hears.
        (await signedIn(transport, options)).close();
        const [before, cookies] = [token, new Map(jar)];
        const client = device(transport, options);
        await client.signOut();
        assert.deepEqual(client.state, { status: 'signed-out', user: null, reason: 'logout' });
        assert.deepEqual([token, jar.size], [null, cookies.has('keyward-device') ? 1 : 0]);
        // Not here alone.
        token = before;
        for (const [name, value] of cookies) jar.set(name, value);
        assert.equal((await device(transport, options).whenReady()).status, 'signed-out');
        assert.equal(front.count('/v1/refresh') + front.count('/v1/me'), 1);
    });
}

test('what was asked as one user is not answered to another', async () => {
    const client = await signedIn('body');
    let answer;
    const held = new Promise((go) => { answer = go; });
    const late = async (forward) => {
        const answered = await forward();
        await held;
        return answered;
    };
    then('/v1/sessions', late, late);
    const outcome = assert.rejects(client.sessions.list());
    const plain = assert.rejects(client.fetch(`${front.url}/v1/sessions`), { name: 'NotSignedIn' });
    await until(() => front.count('/v1/sessions') === 2);
    await signIn(client, 'ben');
    answer();
    await outcome;
    await plain;
});

test('a sign-out that is overtaken by a sign-in leaves that one alone', async () => {
    const client = await signedIn('body');
    let answer;
    const held = new Promise((go) => { answer = go; });
    then('/v1/logout', async (forward) => {
        const late = await forward();
        await held;
        return late;
    });
    const out = client.signOut().catch(() => {});
    await until(() => front.count('/v1/logout') === 1);
    await signIn(client, 'ben');
    answer();
    await out;
    assert.equal(client.state.user.username, 'ben');
    assert.equal((await client.me()).username, 'ben');
});

test('two sign-ins at once are one after the other, and the last one counts', async () => {
    const client = device('cookie');
    const [anna, ben] = await Promise.all([signIn(client, 'anna'), signIn(client, 'ben')]);
    assert.deepEqual([anna.user.username, ben.user.username], ['anna', 'ben']);
    assert.equal(client.state.user.username, 'ben');
    assert.equal((await client.me()).username, 'ben');
});
