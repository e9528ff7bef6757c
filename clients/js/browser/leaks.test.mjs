// Where a token may go, what a script of the page can find of it, and what others in the page or at the other end can do
// to the client.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import * as runner from 'node:test';

import { freePort, until } from '../testing/keyward.mjs';
import { inEachBrowser, NAMES, shows, signIn, World } from './world.mjs';

/** Another origin, which lets every page in and keeps what it was shown. */
class Stranger {
    seen = [];

    /** It ends with the test. */
    static async start(test) {
        const stranger = new Stranger();
        const port = await freePort();
        stranger.origin = `http://localhost:${port}`;
        stranger.server = createServer((request, answer) => stranger.#answer(request, answer));
        await new Promise((ready) => stranger.server.listen(port, '127.0.0.1', ready));
        test.after(() => {
            stranger.server.closeAllConnections();
            stranger.server.close();
        });
        return stranger;
    }

    #answer({ method, url, headers }, answer) {
        if (method !== 'OPTIONS') this.seen.push({ url, headers });
        answer.writeHead(200, {
            'access-control-allow-origin': headers.origin ?? '*', 'access-control-allow-credentials': 'true',
            'access-control-allow-headers': 'authorization, x-mine', 'content-type': 'application/json',
        });
        answer.end('{}');
    }

    /** The headers with a credential that it was shown, each once. */
    get credentials() {
        const names = ['authorization', 'cookie', 'dpop'];
        return names.filter((name) => this.seen.some(({ headers }) => headers[name] !== undefined));
    }
}

const asked = (tab, url, init) => tab.evaluate(async (url, init) => {
    try {
        return (await client.fetch(url, init)).type;
    } catch (error) {
        return error.code ?? error.name;
    }
}, url, init);

function origins(here, test) {
    for (const transport of ['cookie', 'session', 'body']) {
        test(`a token never goes to an origin that is not listed, by ${transport}`, async (t) => {
            await here.world.calm(here.browser);
            const stranger = await Stranger.start(t);
            const [tab] = await here.world.signedIn(here.browser, 1, { options: { transport } });
            const { port } = here.world.network;
            const rest = stranger.origin.slice('http://'.length);
            const ways = [stranger.origin, `//${rest}/a`, `http://localhost:${port}@${rest}/b`, `HTTP://LOCALHOST:${rest.split(':')[1]}/c`,
                `\\\\${rest}\\d`, `http:\\\\${rest}/e`, ` ${stranger.origin}/f`, `http://127.0.0.1:${rest.split(':')[1]}/g`];
            for (const url of ways) await asked(tab, url);
            await tab.evaluate((url) => client.fetch(new Request(url)), `${stranger.origin}/request`);
            await tab.evaluate((url) => client.fetch(new URL(url)), `${stranger.origin}/url`);
            // `fetch` itself refuses an address with a name in it.
            assert.equal(stranger.seen.length, ways.length - 1 + 2);
            assert.deepEqual(stranger.credentials, []);
        });

        test(`a redirect takes no token to an origin that is not listed, by ${transport}`, async (t) => {
            await here.world.calm(here.browser);
            const stranger = await Stranger.start(t);
            const listed = await here.world.door();
            const [tab] = await here.world.signedIn(here.browser, 1, { options: { transport, origins: [listed.origin] } });
            const cors = { 'access-control-allow-origin': here.world.network.origin, 'access-control-allow-credentials': 'true',
                'access-control-allow-headers': 'authorization' };
            for (const status of [301, 302, 303, 307, 308]) {
                const leap = ({ method }) => (method === 'OPTIONS' ? { status: 204, headers: cors, body: '' }
                    : { status, headers: { location: `${stranger.origin}/landed`, ...cors }, body: '' });
                here.world.network.answers['/leap'] = listed.answers['/leap'] = leap;
                for (const door of [here.world.network, listed]) {
                    for (const method of ['GET', 'POST']) await asked(tab, `${door.origin}/leap`, { method });
                    await tab.evaluate((url) => client.fetch(new Request(url)).catch(() => {}), `${door.origin}/leap`);
                }
            }
            assert.deepEqual(stranger.credentials, []);
            if (transport !== 'session') assert.equal(await asked(tab, '/leap'), 'TypeError');
        });
    }

    test('a listed origin gets the token, and one that only looks like it does not', async (t) => {
        await here.world.calm(here.browser);
        const [listed, stranger] = [await Stranger.start(t), await Stranger.start(t)];
        const [tab] = await here.world.signedIn(here.browser, 1, { options: { origins: [listed.origin] } });
        await asked(tab, `${listed.origin}/api`);
        assert.match(listed.seen[0].headers.authorization, /^Bearer ey/);
        await asked(tab, `${stranger.origin}/${listed.origin}`);
        await asked(tab, `${stranger.origin}?${listed.origin}`);
        assert.equal(stranger.seen.length, 2);
        assert.deepEqual(stranger.credentials, []);
    });
}

/** All that a script of the page can read where pages keep things; keys of WebCrypto by whether they can be read out. */
async function readAll() {
    const found = [document.cookie, ...Object.entries(localStorage).flat(), ...Object.entries(sessionStorage).flat(), name,
        JSON.stringify(history.state)];
    const kept = (request) => new Promise((answer, failed) => {
        request.onsuccess = () => answer(request.result);
        request.onerror = () => failed(request.error);
    });
    const plain = (value) => {
        if (value instanceof CryptoKey) return `${value.type} key, ${value.type === 'private' && value.extractable ? 'readable' : 'sealed'}`;
        return value && typeof value === 'object' ? Object.values(value).map(plain).join() : String(value);
    };
    for (const { name: database } of await indexedDB.databases()) {
        const open = await kept(indexedDB.open(database));
        for (const store of open.objectStoreNames) {
            found.push(...(await kept(open.transaction(store).objectStore(store).getAll())).map(plain));
        }
        open.close();
    }
    for (const cache of await caches.keys()) found.push(cache);
    return found.join('\n');
}

function storage(here, test) {
    for (const options of [{ transport: 'cookie' }, { transport: 'session' }, { transport: 'cookie', dpop: true }, { transport: 'body' }]) {
        test(`nothing of a token is where a script can read it, by ${JSON.stringify(options)}`, async () => {
            await here.world.calm(here.browser);
            const [tab] = await here.world.signedIn(here.browser, 1, { options });
            const token = await tab.evaluate(() => client.getAccessToken());
            const found = await tab.evaluate(readAll);
            assert.doesNotMatch(found, /kwr_|eyJ|readable/);
            if (token) assert.ok(!found.includes(token.split('.')[2]));
            if (options.dpop) assert.match(found, /private key, sealed/);
            const shown = await tab.evaluate(() => JSON.stringify([client, client.state]));
            assert.doesNotMatch(shown, /kwr_|eyJ/);
        });
    }

    for (const [what, before] of Object.entries(FORBIDDEN)) {
        for (const options of what.startsWith('storage') ? [{}, { dpop: true }] : [{}]) {
            test(`${what}: a user signs in, and stays so${options.dpop ? ', with a DPoP key too' : ''}`, async () => {
                await here.world.calm(here.browser);
                const [tab, other] = await here.world.signedIn(here.browser, 2, { before, options });
                assert.ok(await tab.evaluate(() => isForbidden));
                await tab.reload();
                await until(() => tab.evaluate(() => globalThis.isReady === true), 'the page is ready');
                for (const one of [tab, other]) assert.equal((await one.evaluate(() => ask())).name, 'anna');
                await tab.evaluate(() => client.signOut());
                assert.deepEqual(await tab.evaluate(() => ask()), { status: 401 });
            });
        }
    }
}

/** What a browser may lack, or refuse; each runs before any script of the page, and says that it did. */
const FORBIDDEN = {
    'storage that is full': () => {
        const full = () => { throw new DOMException('full', 'QuotaExceededError'); };
        Storage.prototype.setItem = full;
        IDBObjectStore.prototype.put = full;
        IDBObjectStore.prototype.add = full;
        globalThis.isForbidden = true;
    },
    'storage that is forbidden': () => {
        const forbidden = { get() { throw new DOMException('forbidden', 'SecurityError'); } };
        for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) {
            Object.defineProperty(globalThis, name, forbidden);
        }
        globalThis.isForbidden = true;
    },
    'a browser that has no channels, locks or IndexedDB': () => {
        for (const name of ['BroadcastChannel', 'indexedDB']) Object.defineProperty(globalThis, name, { value: undefined });
        Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
        globalThis.isForbidden = true;
    },
    'channels and locks that are forbidden': () => {
        const forbidden = () => new DOMException('forbidden', 'SecurityError');
        globalThis.BroadcastChannel = class { constructor() { throw forbidden(); } };
        // Not there in a page without an origin, which a tab begins with.
        if (globalThis.LockManager) LockManager.prototype.request = () => Promise.reject(forbidden());
        globalThis.isForbidden = true;
    },
};

/** Keeps the names of all channels, and what came by them. */
function listenIn() {
    const Real = BroadcastChannel;
    globalThis.channels = new Set();
    globalThis.messages = [];
    globalThis.BroadcastChannel = class extends Real {
        constructor(name) {
            super(name);
            channels.add(name);
            this.addEventListener('message', ({ data }) => messages.push(data));
        }
    };
}

/** Posts what no client would, and what clients have posted with all their words changed. */
function forge(heard, names, words) {
    const changed = (value, word) => {
        if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, changed(one, word)]));
        return typeof value === 'number' ? value + 1e6 : typeof value === 'boolean' ? !value : word;
    };
    const odd = [null, undefined, 0, '', 'signed-out', [], {}, { status: 'signed-out' }, { status: 'signed-in', user: { username: 'bert' } },
        { type: 'signed-out' }, { type: 'signed-in', user: { username: 'bert' } }, new Map([['status', 'signed-in']]),
        JSON.parse('{"__proto__": {"polluted": 1}}'), new Date(NaN), [[[[]]]]];
    for (const name of names) {
        const channel = new BroadcastChannel(name);
        for (const message of [...odd, ...heard, ...heard.flatMap((one) => words.map((word) => changed(one, word)))]) {
            channel.postMessage(message);
        }
    }
}

function forgeries(here, test) {
    test('a forged broadcast signs nobody out, and nobody in', async () => {
        await here.world.calm(here.browser);
        const [tab] = await here.world.signedIn(here.browser, 1, { before: listenIn });
        // What real clients say to each other.
        const other = await here.world.open(here.browser);
        await other.evaluate(() => client.signOut());
        await shows(tab, 'signed-out');
        await signIn(other, 'anna');
        await shows(tab, 'anna');
        const { names, messages } = await tab.evaluate(() => ({ names: [...channels], messages }));
        assert.ok(names.length > 0, 'the client has a channel');
        assert.ok(messages.length > 0, 'and uses it');

        const forger = await here.world.open(here.browser);
        await forger.evaluate(forge, messages, names, ['bert', 'signed-out', 'signed-in', 'eyJ.eyJ.x', '']);
        // What comes by a channel comes in order: once this one is there, so was all before it.
        await until(async () => (await tab.evaluate(() => messages.length)) > messages.length, 'the forgeries have come');
        await shows(tab, 'anna');
        assert.equal((await tab.evaluate(() => ask())).name, 'anna');
        await new Promise((next) => setTimeout(next, 1000));
        await shows(tab, 'anna');
        assert.match(await tab.evaluate(() => client.getAccessToken()), /^eyJ.{60}/);
        assert.ok(await tab.evaluate(() => heard.every(({ name }) => name === undefined || name === 'anna')));
        assert.equal(await tab.evaluate(() => ({}).polluted), undefined);
    });

    test('JSON with __proto__ and constructor in it pollutes nothing', async () => {
        await here.world.calm(here.browser);
        const dirt = '{"__proto__":{"polluted":1,"roles":["admin"]},"constructor":{"prototype":{"polluted":1}},';
        here.world.network.change = (reply) => {
            if (!String(reply.headers['content-type']).includes('json')) return reply;
            const { 'content-length': length, ...headers } = reply.headers;
            return { ...reply, headers, body: String(reply.body).replaceAll('{"', `${dirt}"`) };
        };
        const [tab] = await here.world.signedIn(here.browser);
        const other = await here.world.open(here.browser);
        assert.equal((await other.evaluate(() => ask())).name, 'anna');
        await other.evaluate(() => client.sessions.list().catch(() => {}));
        const polluted = (one) => one.evaluate(() => [({}).polluted, [].polluted, client.state.polluted, client.state.user.polluted]
            .map((value) => value ?? null));
        for (const one of [tab, other]) {
            assert.ok((await polluted(one)).every((value) => value === null), 'polluted');
            assert.deepEqual(await one.evaluate(() => client.state.user.roles), []);
        }
    });
}

function loops(here, test) {
    const problem = (code) => ({
        status: 401, headers: { 'content-type': 'application/problem+json' }, body: JSON.stringify({ code, status: 401, title: code }),
    });
    const ANSWERS = {
        'a foreign 401': [{ status: 401, headers: { 'content-type': 'text/plain' }, body: 'who are you?' }, 0],
        'a foreign 401 in JSON': [{ status: 401, headers: { 'content-type': 'application/json' }, body: '{"code":"nope"}' }, 0],
        'a token_expired that never ends': [problem('token_expired'), 1],
        'a token_outdated that never ends': [problem('token_outdated'), 1],
    };
    for (const [what, [reply, refreshes]] of Object.entries(ANSWERS)) {
        test(`${what} is no refresh loop, and no sign-out`, async () => {
            await here.world.calm(here.browser);
            const [tab] = await here.world.signedIn(here.browser);
            const count = () => ['/v1/refresh', '/api/other'].map((path) => here.world.network.seen(path).length);
            const before = count();
            here.world.network.answers['/api/other'] = () => reply;
            for (let left = 3; left > 0; left--) {
                assert.deepEqual(await tab.evaluate(() => ask('/api/other')), { status: 401 });
            }
            const [refreshed, asked] = count().map((now, nth) => now - before[nth]);
            assert.ok(refreshed <= 3 * refreshes, `${refreshed} refreshes`);
            assert.ok(asked <= 3 * (1 + refreshes), `${asked} requests`);
            assert.equal((await tab.evaluate(() => ask())).name, 'anna');
            assert.deepEqual(await tab.evaluate(() => heard), []);
        });
    }
}

inEachBrowser(runner, NAMES, () => World.start(), (here, { test }) => {
    origins(here, test);
    storage(here, test);
    forgeries(here, test);
    loops(here, test);
});
