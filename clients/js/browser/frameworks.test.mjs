// The React hook and the Vue composable in real pages: they show who is signed in, whichever tab that comes from.
import assert from 'node:assert/strict';
import * as runner from 'node:test';

import { until } from '../testing/keyward.mjs';
import { inEachBrowser, NAMES, signIn, World } from './world.mjs';

/** Waits until both show this text. */
function say(tab, words) {
    const texts = () => tab.evaluate(() => ['react', 'vue'].map((id) => document.querySelector(`#${id} p`)?.textContent));
    return until(async () => (await texts()).every((text) => text === words), `both say ${words}`);
}

inEachBrowser(runner, NAMES, () => World.start({ scripts: ['frameworks'] }), (here, { test }) => {
    test('React and Vue show sign-ins and sign-outs, of other tabs too', async () => {
        await here.world.calm(here.browser);
        const errors = [];
        const tabs = [];
        for (let left = 2; left > 0; left--) tabs.push(await here.world.open(here.browser, { script: 'frameworks' }));
        for (const tab of tabs) tab.on('pageerror', (error) => errors.push(error));
        for (const tab of tabs) await say(tab, 'signed-out');
        await signIn(tabs[0], 'anna');
        for (const tab of tabs) await say(tab, 'Hello, anna');
        await tabs[1].reload();
        await say(tabs[1], 'Hello, anna');
        await tabs[1].evaluate(() => client.signOut());
        for (const tab of tabs) await say(tab, 'signed-out');
        await signIn(tabs[1], 'bert');
        for (const tab of tabs) await say(tab, 'Hello, bert');
        assert.deepEqual(errors, []);
    });
});
