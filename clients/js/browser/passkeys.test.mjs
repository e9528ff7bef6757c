// Passkeys in Chromium, with an authenticator that is simulated (WebAuthn Level 3, section 11). Firefox has none to
// drive over WebDriver BiDi.
import assert from 'node:assert/strict';
import * as runner from 'node:test';

import { inEachBrowser, NAMES, shows, signIn, World } from './world.mjs';

const AUTHENTICATOR = {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
};

/** A signed-in tab with an authenticator that holds a passkey of anna's. */
async function withPasskey(here, transport) {
    const [tab] = await here.world.signedIn(here.browser, 1, { options: { transport } });
    const devtools = await tab.createCDPSession();
    await devtools.send('WebAuthn.enable');
    const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: AUTHENTICATOR });
    const { recovery_codes: codes } = await tab.evaluate(() => keys.register());
    return { tab, devtools, authenticatorId, codes };
}

async function removed(tab) {
    await tab.evaluate(async () => {
        for (const { id } of (await keys.list()).factors ?? await keys.list()) await keys.remove(id);
    });
}

inEachBrowser(runner, NAMES.filter((name) => name === 'chromium'), () => World.start(), (here, { test }) => {
    for (const transport of ['cookie', 'session']) {
        test(`a passkey is made, signs in with no name typed, and proves once more who it is, by ${transport}`, async () => {
            await here.world.calm(here.browser);
            const { tab, codes } = await withPasskey(here, transport);
            assert.equal(codes.length, 10);
            await tab.evaluate(() => client.signOut());
            const result = await tab.evaluate(() => keys.signIn());
            assert.deepEqual([result.status, result.user.username], ['signed-in', 'anna']);
            await shows(tab, 'anna');
            assert.equal((await tab.evaluate(() => ask())).name, 'anna');
            const { status, acr } = await tab.evaluate(() => keys.stepUp());
            assert.deepEqual([status, acr], ['stepped-up', '2']);
            await removed(tab);
        });
    }

    test('after the password, a passkey is asked for and answers', async () => {
        await here.world.calm(here.browser);
        const { tab } = await withPasskey(here, 'cookie');
        await tab.evaluate(() => client.signOut());
        const result = await tab.evaluate(async (password) => {
            const asked = await client.signIn({ username: 'anna', password });
            return { asked, done: await keys.answer(asked.attempt) };
        }, 'correct horse battery');
        assert.equal(result.asked.status, 'mfa-required');
        assert.ok(result.asked.methods.includes('passkey'));
        assert.equal(result.done.status, 'signed-in');
        await removed(tab);
    });

    test('a user who is not verified is let in by nothing', async () => {
        await here.world.calm(here.browser);
        const { tab, devtools, authenticatorId } = await withPasskey(here, 'cookie');
        await tab.evaluate(() => client.signOut());
        await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
        const refused = await tab.evaluate(() => keys.signIn().then(({ status }) => status, ({ name }) => name));
        assert.equal(refused, 'NotAllowedError');
        await shows(tab, 'signed-out');
        assert.equal(await signIn(tab, 'anna'), 'mfa-required');
        await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
        assert.equal((await tab.evaluate(() => keys.signIn())).status, 'signed-in');
        await removed(tab);
    });
});
