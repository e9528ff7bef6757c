// What each test file starts once: a real Keyward behind the network of network.mjs, pages that hold the packed client,
// and browsers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { build } from 'esbuild';

import { freePort, Keyward, PASSWORD, until } from '../testing/keyward.mjs';
import { Browser } from './browsers.mjs';
import { SEED } from './chance.mjs';
import { CALM, Network } from './network.mjs';

export const NAMES = process.env.BROWSERS?.split(',') ?? ['chromium', 'firefox'];

/** The limits that no test is about, so high that none is reached. */
const UNBOUND = { RATE_LIMIT_SESSION_REQUESTS: 1_000_000_000, RATE_LIMIT_LOGIN_FAILURES: 1_000_000 };

/** One file of a script below page/, with all that it imports. */
async function bundled(name) {
    const made = await build({
        entryPoints: [join(import.meta.dirname, 'page', `${name}.mjs`)],
        bundle: true, write: false, format: 'esm', target: 'es2022', logLevel: 'error', nodePaths: process.env.NODE_PATH?.split(delimiter) ?? [],
        define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false',
            __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
    });
    return made.outputFiles[0].text;
}

const html = (script) => ({ type: 'text/html; charset=utf-8', body: `<!doctype html><title>${script}</title>
<link rel="icon" href="data:,"><div id="root"></div><script src="/watch.js"></script><script type="module" src="/${script}.js"></script>` });

async function pages(names) {
    const scripts = await Promise.all(names.map(bundled));
    const watch = readFileSync(join(import.meta.dirname, 'page/watch.js'));
    return Object.fromEntries([['/watch.js', { type: 'text/javascript', body: watch }], ...names.flatMap((name, nth) => [
        [`/${name}`, html(name)],
        [`/${name}.js`, { type: 'text/javascript', body: scripts[nth] }],
    ])]);
}

/** Signs in by password; returns what became of it. */
export function signIn(tab, username) {
    const credentials = { username, password: PASSWORD };
    return tab.evaluate(async (given) => (await client.signIn(given)).status, credentials);
}

/** Waits until the page's client says this of itself: a status, or the name of who is signed in. */
export function shows(tab, what) {
    const state = () => tab.evaluate(() => [client.state.status, client.state.user?.username]);
    return until(async () => (await state()).includes(what), `tab ${tab.id} shows ${what}`);
}

export class World {
    #tabs = 0;
    #doors = [];

    static async start({ users = ['anna', 'bert'], settings = {}, scripts = ['main'] } = {}) {
        const world = new World();
        world.files = await pages(scripts);
        // Its port is Keyward's address, and so is known before there is a Keyward.
        const port = await freePort();
        const origin = `http://localhost:${port}`;
        const all = { SERVER_PUBLIC_URL: origin, ...UNBOUND, ...settings };
        const start = () => Keyward.start({ users, apps: { web: [origin] }, settings: all });
        // Somebody else may have taken one of its ports.
        world.keyward = await start().catch(start);
        world.network = await Network.start({ port, files: world.files, keyward: world.keyward });
        console.log(`# SEED=${SEED}`);
        return world;
    }

    /** One more origin with the same pages. */
    async door() {
        const door = await Network.start({ port: await freePort(), files: this.files, keyward: this.keyward });
        this.#doors.push(door);
        return door;
    }

    /** The name of a tab that is still to be opened, with this as its `id`. */
    get next() {
        return String(++this.#tabs);
    }

    /** A tab whose page has made a client with these options; `how` is as in `Browser`. */
    async open(browser, { options = {}, script = 'main', at = this.network, id = this.next, ...how } = {}) {
        const query = new URLSearchParams({ tab: id, options: JSON.stringify(options) });
        const tab = await browser.open(`${at.origin}/${script}?${query}`, how);
        await until(() => tab.evaluate(() => globalThis.isReady === true), 'the page is ready', 120_000);
        return Object.assign(tab, { id });
    }

    /** Fair weather, nobody signed in, no tab. */
    async calm(browser) {
        this.network.weather = CALM;
        this.network.isCut = false;
        this.network.answers = {};
        this.network.change = (reply) => reply;
        await browser.renew();
    }

    /** A tab in which this user has signed in, and further ones in which that is known. */
    async signedIn(browser, count = 1, { name = 'anna', ...how } = {}) {
        const tabs = [await this.open(browser, how)];
        assert.equal(await signIn(tabs[0], name), 'signed-in');
        tabs.push(...await Promise.all(Array.from({ length: count - 1 }, () => this.open(browser, how))));
        const names = await Promise.all(tabs.map((tab) => tab.evaluate(async () => {
            const { name } = await ask();
            await client.whenReady();
            heard.length = 0;
            return name;
        })));
        assert.deepEqual([...new Set(names)], [name]);
        return tabs;
    }

    /** A tab of which a refresh is held, before Keyward has it or (`'answer'`) once it has been answered. */
    async refreshing(browser, when = 'answer') {
        const id = this.next;
        const gate = this.network.hold(({ tab, path }) => tab === id && path === '/v1/refresh', when);
        const tab = await this.open(browser, { id });
        const asked = tab.evaluate(() => ask());
        asked.catch(() => {});
        return { tab, gate, asked, refresh: await gate.came };
    }

    async stop() {
        for (const door of this.#doors) await door.stop();
        await this.network.stop();
        await this.keyward.stop();
    }
}

/** Runs `tests(world, browser)` for each browser, around which they start and stop. */
export function inEachBrowser({ describe, before, after, ...rest }, names, start, tests) {
    for (const name of names) {
        describe(name, () => {
            const here = { name };
            before(async () => {
                here.world = await start();
                here.browser = await Browser.start(name);
            });
            after(async () => {
                await here.browser?.stop();
                await here.world?.stop();
            });
            tests(here, rest);
            rest.test('no page has thrown what nobody caught', () => assert.deepEqual(here.browser.errors, []));
        });
    }
}
