// Twenty tabs of one user on a network that loses, delays and duplicates: nobody is signed out. `RIVALS=oidc-client-ts`
// (bench/tabs) has other libraries in the same storm, and tells what became of them.
import assert from 'node:assert/strict';
import * as runner from 'node:test';

import { CALM, STORM } from './network.mjs';
import { inEachBrowser, NAMES, World } from './world.mjs';

/**
 * The default life of an access token, 15 minutes, is ACCESS seconds here, and all other times of the client and the
 * network are as they are: each delay weighs as much as one 150 times as long.
 */
const ACCESS = 6;
const COMPRESSED = 15 * 60 / ACCESS;
const TABS = 20;
/** An hour of compressed time where there are tokens; half of one where there is nothing to refresh. In milliseconds. */
const STORMY = { cookie: 24_000, session: 12_000 };
const RIVALS = process.env.RIVALS?.split(',') ?? [];

const settings = { TOKENS_ACCESS_TTL: `${ACCESS}s`, TOKENS_REUSE_GRACE: '5s' };

async function storm({ world, browser }, { time, path, calm = 0, ...how }) {
    await world.calm(browser);
    const tabs = await world.signedIn(browser, TABS, how);
    const before = world.network.seen(path).length;
    world.network.weather = STORM;
    const begun = performance.now();
    const counts = await Promise.all(tabs.map((tab) => tab.evaluate((length) => work(length), time)));
    const hours = (performance.now() - begun) / 3600_000 * COMPRESSED;
    const refreshes = world.network.seen(path).length - before;
    world.network.weather = CALM;
    await new Promise((next) => setTimeout(next, calm));
    const after = await Promise.all(tabs.map((tab) => tab.evaluate(async () => ({ who: await ask(), wire, heard }))));
    const answers = {};
    for (const [what, count] of counts.flatMap(Object.entries)) answers[what] = (answers[what] ?? 0) + count;
    return { after, answers, figures: `${TABS} tabs, ${hours.toFixed(1)} hours, compressed ${COMPRESSED} times: `
        + `${(refreshes / hours).toFixed(0)} refreshes on the wire an hour; requests ${JSON.stringify(answers)}` };
}

function staysIn(here, transport) {
    return async () => {
        const how = { time: STORMY[transport], path: '/v1/refresh', options: { transport } };
        const { after, answers, figures } = await storm(here, how);
        const signedOut = after.filter(({ heard }) => heard.some(({ status }) => status === 'signed-out')).length;
        const most = Math.max(...after.map(({ wire }) => wire.most));
        console.log(`# ${here.name}, ${transport}: ${signedOut} wrongful sign-outs, ${most} refreshes of a tab at once; ${figures}`);
        assert.equal(signedOut, 0);
        assert.ok(most <= 1, `${most} refreshes of one tab at once`);
        for (const { who } of after) assert.equal(who.name, 'anna', JSON.stringify(who));
        assert.equal(answers[401], undefined, 'a tab was told that it is signed out');
    };
}

function measures(here, rival) {
    return async () => {
        // What can recover has the lives of two tokens for it.
        const how = { time: STORMY.cookie, path: '/oauth/token', calm: 2 * ACCESS * 1000, script: rival, options: { life: ACCESS } };
        const { after, figures } = await storm(here, how);
        const signedOut = after.filter(({ who }) => who.status === 401).length;
        const failed = after.filter(({ heard }) => heard.length > 0).length;
        console.log(`# ${here.name}, ${rival}: ${signedOut} tabs are signed out at the end, ${failed} had a renewal fail; ${figures}`);
        assert.equal(after.length, TABS);
    };
}

inEachBrowser(runner, NAMES, () => World.start({ settings, scripts: ['main', ...RIVALS] }), (here, { test }) => {
    for (const transport of Object.keys(STORMY)) {
        test(`twenty tabs stay signed in by ${transport} through a storm`, staysIn(here, transport));
    }
    for (const rival of RIVALS) test(`${rival} in the same storm`, measures(here, rival));
});
