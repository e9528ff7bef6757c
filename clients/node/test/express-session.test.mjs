// The store, with the real express-session.
import { KeywardStore } from '@keyward/node/express-session';
import express from 'express';
import session from 'express-session';
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { Keyward } from '../testing/keyward.mjs';
import { listen } from './support.mjs';

const COOKIE = { maxAge: 60_000 };

function routes(store, gate) {
    const app = express();
    app.use(express.json());
    app.use(session({ store, secret: 'a secret', resave: false, saveUninitialized: false, cookie: COOKIE }));
    app.get('/', (request, response) => response.json({ ...request.session, cookie: undefined }));
    app.post('/sign-in', (request, response, next) => request.session.regenerate((error) => {
        if (error) return next(error);
        Object.assign(request.session, { userId: request.body.user, list: [1, { two: null }] });
        if (request.body.remember) request.session.cookie.maxAge = 30 * 86_400_000;
        response.sendStatus(204);
    }));
    app.post('/put', (request, response) => {
        Object.assign(request.session, request.body);
        response.sendStatus(204);
    });
    app.post('/slow', async (request, response) => {
        gate.emit('reached');
        await once(gate, 'go');
        Object.assign(request.session, request.body);
        response.sendStatus(204);
    });
    app.post('/remember', (request, response) => {
        request.session.cookie.maxAge = request.body.for;
        request.session.remembered = true;
        response.sendStatus(204);
    });
    app.post('/forget/:key', (request, response) => {
        delete request.session[request.params.key];
        response.sendStatus(204);
    });
    app.post('/sign-out', (request, response, next) => request.session.destroy((error) => {
        if (error) return next(error);
        response.sendStatus(204);
    }));
    app.use((error, request, response, next) => {
        if (response.headersSent) return next(error);
        response.status(error.status ?? 500).json({ name: error.name });
    });
    return app;
}

/** A browser, as far as one cookie goes. */
function browser(url) {
    const my = { cookie: '' };
    my.ask = async (method, path, body) => {
        const headers = { cookie: my.cookie, ...(body && { 'content-type': 'application/json' }) };
        const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
        my.last = answer;
        const [set] = answer.headers.getSetCookie();
        if (set) my.cookie = set.split(';')[0];
        return answer;
    };
    my.session = async () => (await my.ask('GET', '/')).json();
    return my;
}

test('KeywardStore in place of another store', async (t) => {
    const keyward = await Keyward.start({ apps: { shop: 'confidential' } });
    t.after(() => keyward.stop());
    const place = { url: keyward.url, app: 'shop', secret: keyward.secrets.shop };
    const store = new KeywardStore({ ...place, timeout: 3000 });
    const gate = new EventEmitter();
    const { url } = await listen(t, routes(store, gate));
    const length = promisify(store.length.bind(store));
    const all = promisify(store.all.bind(store));
    const headers = { authorization: `Basic ${btoa(`shop:${place.secret}`)}` };
    /** What Keyward has of a user's sessions. */
    const kept = async (of) => {
        const listed = await fetch(`${keyward.url}/v1/apps/shop/sessions?limit=500`, { headers });
        return (await listed.json()).sessions.filter(({ user, data }) => user.startsWith('sid:') && data.user === of);
    };

    await t.test('a session is kept from request to request, whatever JSON it holds', async () => {
        const anna = browser(url);
        assert.deepEqual(await anna.session(), {});
        assert.equal(anna.cookie, '', 'nobody has a session by looking');
        await anna.ask('POST', '/sign-in', { user: 'anna' });
        assert.deepEqual(await anna.session(), { userId: 'anna', list: [1, { two: null }] });
        await anna.ask('POST', '/put', { cart: { shoes: 2 } });
        await anna.ask('POST', '/forget/list');
        assert.deepEqual(await anna.session(), { userId: 'anna', cart: { shoes: 2 } });
    });

    await t.test('a sign-in makes a new session, and the old one is over', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/put', { visits: 1 });
        const before = anna.cookie;
        await anna.ask('POST', '/sign-in', { user: 'anna' });
        assert.notEqual(anna.cookie, before);
        const thief = browser(url);
        thief.cookie = before;
        assert.deepEqual(await thief.session(), {});
    });

    await t.test('requests that save at once lose nothing of each other\'s', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/sign-in', { user: 'anna' });
        const reached = once(gate, 'reached');
        const slow = anna.ask('POST', '/slow', { slow: 1 });
        await reached;
        await anna.ask('POST', '/put', { fast: 1 });
        gate.emit('go');
        await slow;
        const { slow: one, fast: two } = await anna.session();
        assert.deepEqual([one, two], [1, 1]);
    });

    await t.test('nor where one of them changes how long the session lives', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/sign-in', { user: 'hugo' });
        const reached = once(gate, 'reached');
        const slow = anna.ask('POST', '/slow', { slow: 1 });
        await reached;
        await anna.ask('POST', '/remember', { for: 30 * 86_400_000 });
        gate.emit('go');
        assert.equal((await slow).status, 204);
        const { remembered, slow: one } = await anna.session();
        assert.deepEqual([remembered, one], [true, 1]);
    });

    await t.test('what has ended does not come back by a late save', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/sign-in', { user: 'anna' });
        const reached = once(gate, 'reached');
        const slow = anna.ask('POST', '/slow', { late: 1 });
        await reached;
        const cookie = anna.cookie;
        assert.equal((await anna.ask('POST', '/sign-out')).status, 204);
        gate.emit('go');
        await slow;
        const again = browser(url);
        again.cookie = cookie;
        assert.deepEqual(await again.session(), {});
    });

    await t.test('sign out everywhere, but here', async () => {
        const [here, there, other] = [browser(url), browser(url), browser(url)];
        for (const [one, user] of [[here, 'carla'], [there, 'carla'], [other, 'dora']]) {
            await one.ask('POST', '/sign-in', { user });
        }
        assert.equal((await store.sessionsOf('carla')).length, 2);
        const sid = /s%3A([^.]+)\./.exec(here.cookie)[1];
        assert.equal(await store.endSessionsOf('carla', decodeURIComponent(sid)), 1);
        assert.deepEqual([(await here.session()).userId, await there.session()], ['carla', {}]);
        assert.equal(await store.endSessionsOf('carla'), 1);
        assert.deepEqual([await here.session(), (await other.session()).userId], [{}, 'dora']);
        assert.deepEqual(await store.sessionsOf('carla'), []);
    });

    await t.test('sign out everywhere, from more places than one page of Keyward\'s list has', async () => {
        const set = promisify(store.set.bind(store));
        const names = Array.from({ length: 520 }, (_, at) => `many-${at}`);
        while (names.length) {
            await Promise.all(names.splice(0, 20).map((sid) => set(sid, { cookie: {}, userId: 'gina' })));
        }
        assert.equal((await store.sessionsOf('gina')).length, 520);
        assert.equal(await store.endSessionsOf('gina'), 520);
        assert.deepEqual(await store.sessionsOf('gina'), []);
    });

    await t.test('a longer life for who asks to be remembered', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/sign-in', { user: 'emil', remember: true });
        assert.match(anna.last.headers.getSetCookie()[0], /Expires/);
        assert.deepEqual((await kept('emil')).map(({ ttl }) => ttl), [30 * 86_400]);

        // The same in a session that is there already.
        const set = promisify(store.set.bind(store));
        const get = promisify(store.get.bind(store));
        await set('a-sid', { cookie: { originalMaxAge: 60_000 }, userId: 'fred' });
        const given = await get('a-sid');
        given.cookie.originalMaxAge = 120_000;
        await set('a-sid', given);
        assert.equal((await get('a-sid')).userId, 'fred');
        assert.equal((await store.sessionsOf('fred')).length, 1);

        // Longer than any session of Keyward's.
        await set('b-sid', { cookie: { originalMaxAge: 20 * 365 * 86_400_000 }, userId: 'ida' });
        assert.deepEqual((await kept('ida')).map(({ ttl }) => ttl), [315_360_000]);
        assert.equal(JSON.stringify(await kept('emil')).includes('a-sid'), false, 'no id of a session is kept');
    });

    await t.test('touch begins the life anew, and of nothing makes nothing', async () => {
        const touch = promisify(store.touch.bind(store));
        const before = await length();
        await touch('nobody', { cookie: {} });
        assert.equal(await length(), before);
        const end = async () => (await kept('fred'))[0].expires_at;
        const [fred, first] = [await promisify(store.get.bind(store))('a-sid'), await end()];
        await touch('a-sid', fred);
        assert.ok(await end() > first);
        assert.equal(await length(), before);
    });

    await t.test('what does not fit is an error, and nothing is changed', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/sign-in', { user: 'anna' });
        await new Promise((done) => store.get('a-sid', (_, given) => {
            store.set('a-sid', { ...given, big: 'x'.repeat(70_000) }, (error) => {
                assert.equal(error.name, 'StoreError');
                done();
            });
        }));
        assert.equal((await promisify(store.get.bind(store))('a-sid')).big, undefined);
    });

    await t.test('a store that is away is 503, and no new session', async () => {
        const anna = browser(url);
        await anna.ask('POST', '/sign-in', { user: 'anna' });
        const cookie = anna.cookie;
        await keyward.kill();
        const away = await anna.ask('GET', '/');
        assert.deepEqual([away.status, away.headers.getSetCookie(), await away.json()], [503, [], { name: 'StoreError' }]);
        assert.equal((await anna.ask('POST', '/sign-out')).status, 503);
        await keyward.begin();
        assert.deepEqual([(await anna.session()).userId, anna.cookie], ['anna', cookie]);
        keyward.signal('SIGSTOP');
        assert.equal((await anna.ask('GET', '/')).status, 503);
        keyward.signal('SIGCONT');
        assert.equal((await anna.session()).userId, 'anna');
        const wrong = new KeywardStore({ ...place, secret: 'wrong' });
        await assert.rejects(promisify(wrong.get.bind(wrong))('a-sid'), { name: 'StoreError', status: 503 });
    });

    await t.test('all, length, clear', async () => {
        assert.equal((await all()).length, await length());
        assert.ok((await all()).some(({ userId }) => userId === 'anna'));
        await promisify(store.clear.bind(store))();
        assert.deepEqual([await length(), await all()], [0, []]);
    });
});
