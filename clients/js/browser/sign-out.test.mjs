// Who is signed in, seen by all tabs: after a sign-out, a sign-in of somebody else, an end from elsewhere, and answers
// that come when all that is over.
import assert from 'node:assert/strict';
import * as runner from 'node:test';

import { until } from '../testing/keyward.mjs';
import { inEachBrowser, NAMES, shows, signIn, World } from './world.mjs';

const nowIn = (tab) => tab.evaluate(() => performance.timeOrigin + performance.now());

/** What each tab heard first of this kind. */
async function first(tabs, status) {
    const found = (tab) => tab.evaluate((wanted) => heard.find((one) => one.status === wanted), status);
    return Promise.all(tabs.map((tab) => until(() => found(tab), `tab ${tab.id} hears of ${status}`)));
}

function signOuts(here, test) {
    for (const transport of ['cookie', 'session']) {
        test(`a sign-out in one tab is seen by all within a second, by ${transport}`, async () => {
            await here.world.calm(here.browser);
            const tabs = await here.world.signedIn(here.browser, 5, { options: { transport } });
            const begun = await nowIn(tabs[0]);
            await tabs[0].evaluate(() => client.signOut());
            // Nothing else could tell them: they never look by themselves (`poll`), and are not looked at.
            const told = await first(tabs, 'signed-out');
            const times = told.map(({ at }) => Math.round(at - begun));
            console.log(`# ${here.browser.name}, ${transport}: a sign-out is seen after ${times.join(', ')} ms`);
            for (const tab of tabs.slice(1)) assert.deepEqual(await tab.evaluate(() => ask()), { status: 401 });
            assert.ok(Math.max(...times) < 5000, 'a second, and what a busy machine adds');
        });

        test(`a sign-in in one tab is seen by all, by ${transport}`, async () => {
            await here.world.calm(here.browser);
            const tabs = [];
            for (let left = 3; left > 0; left--) tabs.push(await here.world.open(here.browser, { options: { transport } }));
            for (const tab of tabs) await shows(tab, 'signed-out');
            await signIn(tabs[0], 'anna');
            for (const tab of tabs) await shows(tab, 'anna');
            for (const tab of tabs) assert.equal((await tab.evaluate(() => ask())).name, 'anna');
        });

        test(`a session that is ended elsewhere is seen when the page is looked at, by ${transport}`, async () => {
            await here.world.calm(here.browser);
            const [tab] = await here.world.signedIn(here.browser, 1, { options: { transport } });
            const { session } = await tab.evaluate(() => ask());
            const other = await here.browser.open('about:blank');
            await other.bringToFront();
            await until(() => tab.evaluate(() => document.visibilityState === 'hidden'), 'the tab is hidden');
            here.world.keyward.run(['session', 'revoke', session]);
            await until(async () => (await plain(tab)) === 401, 'the server has heard of it');
            assert.deepEqual(await tab.evaluate(() => heard), []);
            await tab.bringToFront();
            const [{ reason }] = await first([tab], 'signed-out');
            assert.equal(reason, 'admin');
        });
    }
}

/** What Keyward says of the tab's credential, beside the client. */
const plain = (tab) => tab.evaluate(async () => {
    const token = await client.getAccessToken();
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    return (await fetch('/api/who', { headers })).status;
});

function otherUsers(here, test) {
    for (const when of ['request', 'answer']) {
        test(`another user signs in while the ${when} of a refresh is under way: nobody acts as the other`, async () => {
            await here.world.calm(here.browser);
            const [tab] = await here.world.signedIn(here.browser);
            const { tab: late, gate, asked, refresh } = await here.world.refreshing(here.browser, when);
            assert.equal(await signIn(tab, 'bert'), 'signed-in');
            // So that its answer brings back no cookie of anna's.
            await until(() => refresh.isGivenUp, 'the refresh is dropped');
            gate.open();
            // It was asked as anna, and is nothing to bert.
            assert.notEqual((await asked).name, 'anna');
            await shows(late, 'bert');
            for (const one of [tab, late]) {
                assert.equal((await one.evaluate(() => ask())).name, 'bert');
                assert.equal(await one.evaluate(() => client.state.user.username), 'bert');
            }
            // Also where nothing but the cookie tells who it is.
            const fresh = await here.world.open(here.browser);
            assert.equal((await fresh.evaluate(() => ask())).name, 'bert');
            await shows(fresh, 'bert');
        });
    }
}

function turns(here, test) {
    test('a sign-in waits for the refresh of another tab, which need not hear of it', async () => {
        await here.world.calm(here.browser);
        const [tab] = await here.world.signedIn(here.browser);
        const { gate, asked } = await here.world.refreshing(here.browser);
        await tab.evaluate(() => { BroadcastChannel.prototype.postMessage = () => {}; });
        const sent = () => here.world.network.seen('/v1/login', tab.id).length;
        const before = sent();
        const done = signIn(tab, 'bert');
        // Well within the second for which it waits.
        await new Promise((go) => setTimeout(go, 300));
        assert.equal(sent(), before);
        gate.open();
        assert.equal(await done, 'signed-in');
        await asked;
        // The cookie is that of the sign-in, and not what the refresh has brought.
        const fresh = await here.world.open(here.browser);
        assert.equal((await fresh.evaluate(() => ask())).name, 'bert');
    });
}

function lateAnswers(here, test) {
    test('an answer that comes after the sign-out revives no session', async () => {
        await here.world.calm(here.browser);
        const [tab] = await here.world.signedIn(here.browser);
        const { tab: late, gate, asked } = await here.world.refreshing(here.browser);
        await tab.evaluate(() => client.signOut());
        await shows(late, 'signed-out');
        gate.open();
        assert.equal((await asked).name, undefined);
        for (const one of [tab, late, await here.world.open(here.browser)]) {
            assert.equal(await one.evaluate(() => client.getAccessToken()), null);
            assert.deepEqual(await one.evaluate(() => ask()), { status: 401 });
            await shows(one, 'signed-out');
        }
    });

    test('what the API said to a user who has signed out meanwhile is not handed on', async () => {
        await here.world.calm(here.browser);
        const [tab, other] = await here.world.signedIn(here.browser, 2);
        const gate = here.world.network.hold(({ tab: from, path }) => from === tab.id && path === '/api/who');
        const asked = tab.evaluate(() => ask());
        await gate.came;
        await other.evaluate(() => client.signOut());
        await shows(tab, 'signed-out');
        gate.open();
        assert.deepEqual(await asked, { failed: 'NotSignedIn' });
    });

    test('a sign-out that cannot be sent is no sign-out', async () => {
        await here.world.calm(here.browser);
        const [tab] = await here.world.signedIn(here.browser);
        here.world.network.isCut = true;
        assert.equal(await tab.evaluate(() => client.signOut().then(() => 'done', ({ name }) => name)), 'Unavailable');
        here.world.network.isCut = false;
        assert.equal((await tab.evaluate(() => ask())).name, 'anna');
    });
}

inEachBrowser(runner, NAMES, () => World.start(), (here, { test }) => {
    signOuts(here, test);
    otherUsers(here, test);
    turns(here, test);
    lateAnswers(here, test);
});
