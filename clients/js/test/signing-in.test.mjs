// Signing in and out, with each transport.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { Keyward, PASSWORD, until } from '../testing/keyward.mjs';

import { withCookies } from './browser.mjs';

let keyward;
before(async () => { keyward = await Keyward.start({ users: ['anna', 'ben'] }); });
after(() => keyward.stop());

const anna = { username: 'anna', password: PASSWORD };

/** A client as on a device of its own: with cookies where the transport has some. */
function device(transport, options = {}) {
    return createClient({ baseUrl: keyward.url, transport, fetch: withCookies(keyward.url), poll: 0, ...options });
}

for (const transport of ['session', 'cookie', 'body']) {
    test(`${transport}: signs in, asks as the user, and signs out`, async () => {
        const client = device(transport);
        const seen = [];
        client.onChange((state) => seen.push([state.status, state.user?.username ?? state.reason]));
        assert.deepEqual(await client.whenReady(), { status: 'signed-out', user: null, reason: null });

        const result = await client.signIn({ ...anna, device: 'a test' });
        assert.equal(result.status, 'signed-in');
        assert.equal(result.user.username, 'anna');
        assert.equal((await client.me()).id, result.user.id);
        assert.equal(client.state.user.username, 'anna');
        const [session] = await client.sessions.list();
        assert.equal(session.device, 'a test');
        assert.equal(session.id, client.state.session);

        await client.signOut();
        assert.deepEqual(client.state, { status: 'signed-out', user: null, reason: 'logout' });
        await assert.rejects(client.me(), { name: 'NotSignedIn' });
        assert.deepEqual(seen, [['signed-out', null], ['signed-in', 'anna'], ['signed-out', 'logout']]);
        client.close();
    });

    test(`${transport}: a wrong password is a result`, async () => {
        const client = device(transport);
        const result = await client.signIn({ ...anna, password: 'wrong' });
        assert.equal(result.status, 'refused');
        assert.equal(result.code, 'invalid_credentials');
        assert.match(result.detail, /wrong/);
        client.close();
    });
}
