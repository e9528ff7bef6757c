// Tabs that are killed or frozen in the middle of a refresh, clocks that are wrong, networks and servers that are away:
// whoever was signed in still is.
import assert from 'node:assert/strict';
import * as runner from 'node:test';

import { until } from '../testing/keyward.mjs';
import { inEachBrowser, NAMES, World } from './world.mjs';

/** Stands for the default of 15 minutes. */
const ACCESS = 2;
const settings = { TOKENS_ACCESS_TTL: `${ACCESS}s`, TOKENS_REUSE_GRACE: '1s' };
const DAY = 24 * 3600_000;

const pause = (time) => new Promise((next) => setTimeout(next, time));
const who = (tab) => tab.evaluate(() => ask());
const heardIn = (tab) => tab.evaluate(() => heard);

/** Another tab, which has no token yet either, is answered; also later, when its token is over. */
async function isHarmed(here, other) {
    const fresh = await here.world.open(here.browser);
    const begun = performance.now();
    assert.equal((await who(fresh)).name, 'anna');
    const took = Math.round(performance.now() - begun);
    await pause(ACCESS * 1000);
    for (const tab of [fresh, other]) assert.equal((await who(tab)).name, 'anna');
    return took;
}

/** Ways to end a tab: as a user does, and as a crash does. */
const ENDS = {
    closed: (tab) => tab.close(),
    async crashed(tab) {
        const session = await tab.createCDPSession();
        const crashed = new Promise((ended) => { tab.once('error', ended); });
        session.send('Page.crash').catch(() => {});
        await crashed;
    },
};

/** Ways to stop a tab in the middle of what it does, each returning what lets it go on. */
const FREEZES = {
    async 'by a request that blocks it'(tab, { network }) {
        const gate = network.hold(({ tab: from, path }) => from === tab.id && path === '/api/slow', 'request');
        const blocked = tab.evaluate(() => {
            const request = new XMLHttpRequest();
            request.open('GET', '/api/slow', false);
            request.send();
        }).catch(() => {});
        await gate.came;
        return async () => {
            gate.open();
            await blocked;
        };
    },
    async 'by the browser'(tab) {
        const session = await tab.createCDPSession();
        await session.send('Page.setWebLifecycleState', { state: 'frozen' });
        return () => session.send('Page.setWebLifecycleState', { state: 'active' });
    },
};

const only = (ways, browser) => (browser === 'chromium' ? Object.keys(ways) : Object.keys(ways).slice(0, 1));

function hurtTabs(here, test) {
    for (const how of only(ENDS, here.name)) {
        test(`a tab that is ${how} in the middle of a refresh harms nobody`, async () => {
            await here.world.calm(here.browser);
            const [other] = await here.world.signedIn(here.browser);
            const { tab, gate } = await here.world.refreshing(here.browser);
            await ENDS[how](tab);
            gate.drop();
            const took = await isHarmed(here, other);
            console.log(`# ${here.name}: beside a tab that was ${how} in its refresh, another has its token after ${took} ms`);
            assert.deepEqual(await heardIn(other), []);
        });
    }
    for (const how of only(FREEZES, here.name)) {
        test(`a tab that is frozen ${how} in the middle of a refresh harms nobody, and goes on`, async () => {
            await here.world.calm(here.browser);
            const [other] = await here.world.signedIn(here.browser);
            const { tab, gate, asked } = await here.world.refreshing(here.browser);
            await other.bringToFront();
            const thaw = await FREEZES[how](tab, here.world);
            gate.open();
            const took = await isHarmed(here, other);
            console.log(`# ${here.name}: beside a tab that is frozen ${how}, another has its token after ${took} ms`);
            await thaw();
            await asked;
            assert.equal((await who(tab)).name, 'anna');
            assert.ok((await heardIn(tab)).every(({ status }) => status !== 'signed-out'));
            assert.deepEqual(await heardIn(other), []);
        });
    }
    test('a lock that somebody holds for ever holds up nobody', async () => {
        await here.world.calm(here.browser);
        const [first] = await here.world.signedIn(here.browser);
        const { tab, gate, asked } = await here.world.refreshing(here.browser);
        const names = await tab.evaluate(async () => (await navigator.locks.query()).held.map(({ name }) => name));
        gate.open();
        await asked;
        const holds = (name) => { navigator.locks.request(name, () => new Promise(() => {})); };
        for (const name of names) await first.evaluate(holds, name);
        const took = await isHarmed(here, first);
        console.log(`# ${here.name}: with ${names.length} of the client's locks held for ever, a token comes after ${took} ms`);
    });
}

/** Moves the device's clock, at once or later: `moveClock(milliseconds)`. */
function movableClock(start) {
    const Real = Date;
    let ahead = start;
    globalThis.moveClock = (by) => { ahead = by; };
    globalThis.Date = class extends Real {
        constructor(...words) {
            super(...(words.length ? words : [Real.now() + ahead]));
        }
        static now() {
            return Real.now() + ahead;
        }
    };
}

const CLOCKS = [[DAY, false], [DAY, true], [-DAY, false], [-DAY, true]];

function clocks(here, test) {
    test('a clock a day ahead or behind signs nobody out, with a DPoP key neither', async () => {
        await here.world.calm(here.browser);
        await Promise.all(CLOCKS.map(async ([ahead, dpop]) => {
            const how = { profile: await here.browser.profile(), options: { dpop }, before: movableClock, args: [ahead] };
            const [tab] = await here.world.signedIn(here.browser, 1, how);
            const before = await tab.evaluate(() => ({ refreshes: wire.refreshes, at: performance.now() }));
            const counts = await tab.evaluate((time) => work(time), 3 * ACCESS * 1000);
            // Set right in the middle of a session, too.
            await tab.evaluate(() => moveClock(0));
            assert.equal((await who(tab)).name, 'anna');
            assert.deepEqual(Object.keys(counts), ['200 anna'], `${ahead} ms ahead`);
            assert.deepEqual(await heardIn(tab), []);
            const after = await tab.evaluate(() => ({ refreshes: wire.refreshes, at: performance.now() }));
            const [refreshes, lives] = [after.refreshes - before.refreshes, (after.at - before.at) / (ACCESS * 1000)];
            // One for each token that was over and not one for each request; with DPoP, a first try may tell the time.
            assert.ok(refreshes <= (lives * 2 + 2) * (dpop ? 2 : 1), `${refreshes} refreshes in ${lives} lives of a token`);
        }));
    });
}

/** Tabs of two users, one by each transport, who look often. */
async function bothTransports(here, count) {
    const found = await Promise.all(['cookie', 'session'].map(async (transport) => (
        here.world.signedIn(here.browser, count, { profile: await here.browser.profile(), options: { transport, poll: 1 } })
    )));
    return found.flat();
}

async function goOn(tabs) {
    for (const tab of tabs) {
        await until(async () => (await who(tab)).name === 'anna', `tab ${tab.id} goes on`);
        assert.deepEqual(await heardIn(tab), []);
    }
}

function outages(here, test) {
    test('hours without a network sign nobody out', async () => {
        await here.world.calm(here.browser);
        const tabs = await bothTransports(here, 2);
        here.world.network.isCut = true;
        if (here.name === 'chromium') await tabs[0].setOfflineMode(true);
        // Five lives of an access token: 75 minutes, compressed.
        const all = await Promise.all(tabs.map((tab) => tab.evaluate((time) => work(time), 5 * ACCESS * 1000)));
        for (const counts of all) assert.ok(Object.keys(counts).every((what) => !/^\d/.test(what)), JSON.stringify(counts));
        if (here.name === 'chromium') await tabs[0].setOfflineMode(false);
        here.world.network.isCut = false;
        await goOn(tabs);
    });

    test('a restart of the server signs nobody out', async () => {
        await here.world.calm(here.browser);
        const tabs = await bothTransports(here, 2);
        const works = Promise.all(tabs.map((tab) => tab.evaluate((time) => work(time), 3 * ACCESS * 1000)));
        await pause(500);
        await here.world.keyward.kill();
        await pause(ACCESS * 1000);
        await here.world.keyward.begin();
        for (const counts of await works) assert.equal(counts[401], undefined, JSON.stringify(counts));
        await goOn(tabs);
    });
}

inEachBrowser(runner, NAMES, () => World.start({ settings }), (here, { test }) => {
    hurtTabs(here, test);
    clocks(here, test);
    outages(here, test);
});
