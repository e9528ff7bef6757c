// Second factors, step-ups and sessions, in each transport.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { factors } from '@keyward/client/factors';
import { PASSWORD, Keyward, until } from '../testing/keyward.mjs';

import { withCookies } from './browser.mjs';
import { totp } from './totp.mjs';

const transports = ['session', 'cookie', 'body'];
const clients = [];

let keyward;
before(async () => {
    keyward = await Keyward.start({ users: ['anna', ...transports, ...transports.map((name) => `${name}-2`)] });
});
after(() => keyward.stop());
afterEach(() => {
    for (const client of clients.splice(0)) client.close();
});

function device(transport) {
    const client = createClient({ baseUrl: keyward.url, transport, poll: 0, fetch: withCookies(keyward.url) });
    clients.push(client);
    return client;
}

const signIn = (client, username) => client.signIn({ username, password: PASSWORD });

async function withTotp(client) {
    const { secret, uri, qr } = await factors(client).totp.begin();
    assert.match(uri, /^otpauth:/);
    assert.match(qr, /^data:image/);
    const { recovery_codes } = await factors(client).totp.confirm(await totp(secret));
    return { secret, recovery_codes };
}

for (const transport of transports) {
    test(`${transport}: a second factor is asked for, and answered by a code or a recovery code`, async () => {
        const username = transport;
        const client = device(transport);
        await signIn(client, username);
        const { secret, recovery_codes } = await withTotp(client);
        await client.signOut();

        const asked = await signIn(client, username);
        assert.equal(asked.status, 'mfa-required');
        assert.deepEqual(asked.methods, ['totp', 'recovery_code']);
        assert.equal(client.state.status, 'signed-out');
        const wrong = await client.answer(asked.attempt, { totp: '000000' });
        assert.deepEqual([wrong.status, wrong.code], ['refused', 'wrong_code']);
        const right = await client.answer(asked.attempt, { totp: await totp(secret, 1) });
        assert.equal(right.user.username, username);
        assert.equal(client.state.user.username, username);
        await client.signOut();

        const again = await signIn(client, username);
        const done = await client.answer(again.attempt, { recovery_code: recovery_codes[0] });
        assert.equal(done.status, 'signed-in');
        assert.equal((await factors(client).list()).recovery_codes, 9);
        assert.equal((await factors(client).recoveryCodes()).recovery_codes.length, 10);
    });

    test(`${transport}: what needs a stronger sign-in says so, and a step-up brings it`, async () => {
        const username = `${transport}-2`;
        const client = device(transport);
        await signIn(client, username);
        const { secret, recovery_codes } = await withTotp(client);
        const pay = () => client.fetch(`${keyward.url}/v1/check?acr=2`);
        await assert.rejects(pay(), { name: 'StepUpRequired', acr: '2' });
        const [{ id }] = (await factors(client).list()).factors;
        await assert.rejects(factors(client).remove(id), { name: 'StepUpRequired' });

        const wrong = await client.stepUp({ totp: '000000' });
        assert.deepEqual([wrong.status, wrong.code], ['refused', 'wrong_code']);
        const password = await client.stepUp({ password: 'wrong' });
        assert.deepEqual([password.status, password.code], ['refused', 'wrong_password']);
        const session = client.state.session;
        const result = await client.stepUp({ totp: await totp(secret, 1) });
        assert.deepEqual([result.status, result.acr], ['stepped-up', '2']);
        assert.ok(result.amr.includes('mfa'));
        assert.equal(client.state.session, session);
        assert.equal((await pay()).status, 200);

        const other = await client.stepUp({ password: PASSWORD, recovery_code: recovery_codes[0] });
        assert.equal(other.status, 'stepped-up');
        await factors(client).remove(id);
        assert.deepEqual((await factors(client).list()).factors, []);
    });

    test(`${transport}: one's sessions are seen and ended`, async () => {
        const [here, phone, laptop] = [device(transport), device(transport), device(transport)];
        await signIn(here, 'anna');
        await phone.signIn({ username: 'anna', password: PASSWORD, device: 'phone' });
        await signIn(laptop, 'anna');
        phone.onChange(() => {});
        laptop.onChange(() => {});
        const sessions = await here.sessions.list();
        assert.equal(sessions.filter(({ current }) => current).length, 1);
        await here.sessions.end(sessions.find((one) => one.device === 'phone').id);
        await assert.rejects(phone.me());
        await until(() => phone.state.status === 'signed-out');
        assert.ok(await here.sessions.endOthers() >= 1);
        await assert.rejects(laptop.me());
        await until(() => laptop.state.status === 'signed-out');
        assert.equal((await here.sessions.list()).length, 1);
        await assert.rejects(here.sessions.end('../logout'), { name: 'Refused', code: 'not_found' });
        await here.signOut({ everywhere: true });
        assert.equal(here.state.reason, 'logout_all');
    });
}

test('more sessions than one page holds are all listed', async () => {
    const client = device('body');
    await signIn(client, 'anna');
    for (let more = 0; more < 4; more++) await signIn(device('body'), 'anna');
    const paged = createClient({
        baseUrl: keyward.url, transport: 'body', poll: 0,
        fetch: (url, init) => fetch(String(url).replace('/sessions?', '/sessions?limit=2&').replace(/sessions$/, 'sessions?limit=2'), init),
    });
    clients.push(paged);
    await signIn(paged, 'anna');
    const listed = await paged.sessions.list();
    assert.equal(new Set(listed.map(({ id }) => id)).size, (await client.sessions.list()).length);
    assert.ok(listed.length >= 6);
});

test('what Keyward refuses is an error with its code', async () => {
    const client = device('body');
    await signIn(client, 'anna');
    const change = client.ask('POST', '/v1/password', { current: 'wrong', new: 'correct horse battery staple' });
    await assert.rejects(change, { name: 'Refused', status: 422, code: 'wrong_password' });
    await assert.rejects(client.ask('POST', '/v1/step-up', { password: 7 }), { name: 'Refused', code: 'invalid_request' });
    assert.equal(client.state.status, 'signed-in');
});

test('what needs no sign-in can be asked without one', async () => {
    const client = device('session');
    assert.deepEqual(await client.ask('POST', '/v1/password/forgot', { identifier: 'anna' }), {});
    await assert.rejects(client.ask('GET', '/v1/factors'), { name: 'NotSignedIn' });
});

test('an attempt that is over is refused, and ends no session', async () => {
    const client = device('body');
    await signIn(client, 'anna');
    const late = await client.answer({ mfa_token: 'kwm_nothing', expires_in: 1 }, { totp: '000000' });
    assert.equal(late.status, 'refused');
    assert.equal(client.state.status, 'signed-in');
    assert.equal((await client.me()).username, 'anna');
});
