// Attack 11 of those on clients: revocations that do not come. Nobody is let in who may have signed out long ago, and
// nobody is told 401 because Keyward is away.
import { createVerifier } from '@keyward/node';
import { guard } from '@keyward/node/express';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';

import { Keyward, until } from '../testing/keyward.mjs';
import { Front } from './front.mjs';
import { signIn, signOut } from './support.mjs';

const ask = (verifier, of, rules) => verifier.verify(new Request('http://api.example/', {
    headers: of.cookie ? { cookie: of.cookie } : { authorization: `Bearer ${of.access_token}` },
}), rules);

const codeOf = async (who) => (who instanceof Response ? (await who.json()).code : 'in');

/** Once the answer is that; fails as soon as it is anything that is not `between`. */
async function becomes(verifier, of, wanted, between) {
    await until(async () => {
        const code = await codeOf(await ask(verifier, of));
        assert.ok(code === wanted || between.includes(code), `${code} on the way to ${wanted}`);
        return code === wanted;
    }, `the answer becomes ${wanted}`);
}

async function begin(t, { mode, ...more } = {}) {
    const keyward = await Keyward.start({
        users: [{ name: 'anna', roles: ['editor'] }, 'bert'], apps: { api: 'confidential' }, ...more,
    });
    t.after(() => keyward.stop());
    const front = await Front.before(t, keyward);
    const options = {
        url: front.url, issuer: keyward.url, app: 'api', secret: keyward.secrets.api, onError: () => {},
    };
    const verifier = createVerifier({ ...options, mode });
    t.after(() => verifier.close());
    await verifier.ready();
    return { keyward, front, verifier, options };
}

const overOf = (identity) => new Promise((over) => identity.whenOver(over));

test('attack 11: who signed out while the verifier was cut off is let in no longer than it may be trusted', async (t) => {
    const { keyward, front, verifier } = await begin(t, { mode: 'local', settings: { OUTAGE_CHECK: '3s' } });
    const [anna, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];
    const identity = await ask(verifier, bert);
    assert.equal(await codeOf(await ask(verifier, anna)), 'in');
    const over = overOf(identity);

    front.cut();
    await signOut(keyward, anna);
    const clock = Date.now;
    t.after(() => { Date.now = clock; });
    // Trust goes by a clock that nobody sets back.
    Date.now = () => clock() - 3_600_000;
    await becomes(verifier, anna, 'store_unavailable', ['in']);
    Date.now = clock;
    const stale = await ask(verifier, bert);
    assert.deepEqual([stale.status, stale.headers.get('retry-after')], [503, '1']);
    assert.equal((await over).code, 'store_unavailable', 'what is open ends too');

    front.mend();
    await becomes(verifier, bert, 'in', ['store_unavailable']);
    const refused = await ask(verifier, anna);
    assert.equal(refused.status, 401);
    assert.deepEqual([refused.headers.get('x-auth-reason'), (await refused.json()).reason], ['token_revoked', 'logout']);
    const streams = front.asked.filter(({ path }) => path === '/v1/revocations');
    assert.equal(streams[0].lastId, undefined);
    assert.match(streams.at(-1).lastId, /./, 'it came back with the last id');
});

test('a Keyward that stalls is 503 in time, and nobody is signed out by it', async (t) => {
    for (const mode of ['local', 'check']) {
        await t.test(mode, async (t) => {
            const { keyward, verifier } = await begin(t, { mode, settings: { OUTAGE_CHECK: '3s' } });
            const anna = await signIn(keyward, 'anna');
            assert.equal(await codeOf(await ask(verifier, anna)), 'in');
            keyward.signal('SIGSTOP');
            await becomes(verifier, anna, 'store_unavailable', ['in']);
            keyward.signal('SIGCONT');
            await becomes(verifier, anna, 'in', ['store_unavailable']);
        });
    }
});

test('a restart of Keyward signs nobody out', async (t) => {
    for (const mode of ['local', 'check']) {
        await t.test(mode, async (t) => {
            const { keyward, verifier } = await begin(t, { mode });
            const [anna, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];
            assert.equal(await codeOf(await ask(verifier, anna)), 'in');
            await signOut(keyward, bert);
            await keyward.kill();
            let isOver = false;
            const asking = (async () => {
                while (!isOver) {
                    const code = await codeOf(await ask(verifier, anna));
                    assert.ok(['in', 'store_unavailable'].includes(code), code);
                    await new Promise((next) => setTimeout(next, 10));
                }
            })();
            await keyward.begin();
            await until(() => verifier.isTrusted);
            isOver = true;
            await asking;
            await becomes(verifier, anna, 'in', ['store_unavailable']);
            await becomes(verifier, bert, 'token_revoked', ['store_unavailable']);
        });
    }
});

test('a verifier that starts later knows who signed out before', async (t) => {
    const { keyward, options } = await begin(t);
    const anna = await signIn(keyward, 'anna');
    await signOut(keyward, anna);
    const later = createVerifier({ ...options, mode: 'local' });
    t.after(() => later.close());
    assert.equal(await codeOf(await ask(later, anna)), 'token_revoked');
});

test('a wrong secret lets nobody in, and says why', async (t) => {
    const { keyward, options } = await begin(t);
    const anna = await signIn(keyward, 'anna');
    const errors = [];
    const wrong = createVerifier({ ...options, secret: 'wrong', mode: 'local', onError: (error) => errors.push(error) });
    t.after(() => wrong.close());
    assert.equal(await codeOf(await ask(wrong, anna)), 'store_unavailable');
    assert.match(errors[0].message, /HTTP 401/);
    assert.equal(errors.length, 1);
    for (const missing of ['url', 'app', 'secret']) {
        assert.throws(() => createVerifier({ ...options, [missing]: undefined }), new RegExp(missing));
    }
});

for (const mode of ['check', 'local']) {
    test(`the signal of an identity, ${mode}`, async (t) => {
        const { keyward, verifier } = await begin(t, { mode });

        await t.test('aborts when another device signs the user out everywhere', async () => {
            const [here, there] = [await signIn(keyward, 'anna'), await signIn(keyward, 'anna')];
            const over = overOf(await ask(verifier, here));
            const headers = { authorization: `Bearer ${there.access_token}` };
            await fetch(`${keyward.url}/v1/logout/all`, { method: 'POST', headers });
            assert.deepEqual({ ...(await over) }, { name: 'SessionOver', code: 'token_revoked', reason: 'logout_all' });
        });

        await t.test('aborts with the session of a cookie, which is asked of Keyward', async () => {
            const anna = await signIn(keyward, 'anna', 'session');
            const identity = await ask(verifier, anna);
            assert.deepEqual([identity.username, identity.sessionId], ['anna', anna.session_id]);
            assert.deepEqual([identity.acr, identity.expiresAt], [undefined, undefined]);
            const over = overOf(identity);
            await signOut(keyward, anna);
            assert.equal((await over).reason, 'logout');
            assert.equal(await codeOf(await ask(verifier, anna)), 'session_ended');
        });

        await t.test('aborts when the roles change; a refresh brings the new ones', async () => {
            const anna = await signIn(keyward, 'anna');
            const [over, cookies] = [overOf(await ask(verifier, anna)), await signIn(keyward, 'anna', 'session')];
            const overToo = overOf(await ask(verifier, cookies));
            await new Promise((second) => setTimeout(second, 1100));
            keyward.run(['user', 'role', 'anna', '--add', 'extra']);
            assert.deepEqual([(await over).code, (await overToo).code], ['token_outdated', 'token_outdated']);
            await becomes(verifier, anna, 'token_outdated', ['in']);
            const refreshed = await fetch(`${keyward.url}/v1/refresh`, {
                method: 'POST', headers: { 'content-type': 'application/json' },
                body: JSON.stringify({ refresh_token: anna.refresh_token }),
            });
            const identity = await ask(verifier, await refreshed.json());
            assert.equal(identity.hasRole('extra'), true);
            assert.equal(identity.signal.aborted, false);
            identity.release();
            // The session of the cookie has not ended either.
            const again = await ask(verifier, cookies);
            assert.equal(again.hasRole('extra'), true);
            assert.equal(again.signal.aborted, false);
            again.release();
        });

        await t.test('aborts when the account is disabled', async () => {
            const bert = await signIn(keyward, 'bert');
            const over = overOf(await ask(verifier, bert));
            keyward.run(['user', 'disable', 'bert']);
            assert.equal((await over).code, 'token_revoked');
            await becomes(verifier, bert, 'token_revoked', ['in']);
        });

        await t.test('has aborted already where the session ended before it was looked at', async () => {
            const anna = await signIn(keyward, 'anna');
            const identity = await ask(verifier, anna);
            await signOut(keyward, anna);
            await until(async () => (await codeOf(await ask(verifier, anna))) === 'token_revoked');
            await until(() => identity.signal.aborted);
            assert.equal((await overOf(identity)).code, 'token_revoked');
        });

        await t.test('keeps nothing once it has been released, or was never used', async () => {
            const anna = await signIn(keyward, 'anna');
            assert.equal(verifier.watched, 0);
            const client = new AbortController();
            const asked = new Request('http://api.example/', {
                headers: { authorization: `Bearer ${anna.access_token}` }, signal: client.signal,
            });
            const identity = await verifier.verify(asked);
            assert.equal(verifier.watched, 0);
            assert.equal(identity.signal.aborted, false);
            assert.ok(verifier.watched > 0);
            client.abort();
            assert.equal(verifier.watched, 0);
            assert.equal(identity.signal.aborted, false);
        });
    });
}

test('an identity is over with its token, and one of a cookie after a while', async (t) => {
    const { keyward, verifier, options } = await begin(t, { mode: 'local', settings: { TOKENS_ACCESS_TTL: '3s' } });
    const anna = await signIn(keyward, 'anna');
    const identity = await ask(verifier, anna);
    assert.equal((await overOf(identity)).code, 'token_expired');
    assert.equal(verifier.watched, 0);
    await becomes(verifier, anna, 'token_expired', ['in']);

    const short = createVerifier({ ...options, cookieLife: 500 });
    t.after(() => short.close());
    const cookie = await signIn(keyward, 'anna', 'session');
    assert.equal((await overOf(await ask(short, cookie))).code, 'token_expired');
    assert.equal(await codeOf(await ask(short, cookie)), 'in');
});

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

test('many identities leave nothing behind', async (t) => {
    const { keyward, verifier } = await begin(t, { mode: 'local' });
    const anna = await signIn(keyward, 'anna');
    const headers = new Headers({ authorization: `Bearer ${anna.access_token}` });
    const round = async (count) => {
        for (let at = 0; at < count; at++) {
            const identity = await verifier.verify({ method: 'GET', headers });
            identity.whenOver(() => {});
            identity.release();
            // The stream is to be read meanwhile.
            if (at % 100 === 0) await new Promise(setImmediate);
        }
        collect();
        return process.memoryUsage().heapUsed;
    };
    const before = await round(20_000);
    const after = await round(100_000);
    assert.equal(verifier.watched, 0);
    t.diagnostic(`100,000 identities: ${Math.round((after - before) / 1024)} KiB`);
    assert.ok(after - before < 30_000_000);
});

test('what the check says is passed on, and Keyward away is 503', async (t) => {
    const { keyward, front, verifier } = await begin(t, { mode: 'check', settings: { RATE_LIMIT_SESSION_REQUESTS: 2 } });
    const anna = await signIn(keyward, 'anna');
    await ask(verifier, anna);
    await ask(verifier, anna);
    const limited = await ask(verifier, anna);
    assert.equal(limited.status, 429);
    for (const name of ['retry-after', 'ratelimit', 'content-type']) assert.ok(limited.headers.get(name), name);
    assert.equal((await limited.json()).code, 'rate_limited');
    front.cut();
    const away = await ask(verifier, anna);
    assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '1']);
});

test('a rule that is misspelled is an error, and no open door', async (t) => {
    const { keyward, verifier } = await begin(t, { mode: 'check' });
    const anna = await signIn(keyward, 'anna');
    await assert.rejects(ask(verifier, anna, { roles: ['admin'] }), /no rule `roles`/);
    assert.throws(() => guard(verifier, { max_age: 300 }), /no rule `max_age`/);
});

test('an entry that cannot be read may be what was revoked: nobody is let in by leaving it out', async (t) => {
    const { keyward, front, options } = await begin(t);
    const anna = await signIn(keyward, 'anna');
    for (const wrong of [{ until: null }, { until: '9e9' }, { value: 7 }, { claim: undefined }, { issued_before: 'now' }]) {
        const entry = { claim: 'sid', value: anna.session_id, until: Date.now() / 1000 + 60, ...wrong };
        const events = [
            ['snapshot', { first: true, last: true, entries: [entry] }], ['status', { following: true, good_for: 10, heartbeat: 1 }],
        ];
        front.instead = (_, answer) => {
            answer.writeHead(200, { 'content-type': 'text/event-stream' });
            answer.end(events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join(''));
        };
        const verifier = createVerifier({ ...options, mode: 'local' });
        assert.equal(await codeOf(await ask(verifier, anna)), 'store_unavailable', JSON.stringify(wrong));
        assert.equal(verifier.isTrusted, false);
        verifier.close();
    }
});

test('an identity that is looked at after its request is done is not watched', async (t) => {
    const { keyward, verifier } = await begin(t, { mode: 'local' });
    const anna = await signIn(keyward, 'anna');
    const done = await ask(verifier, anna);
    done.release();
    done.whenOver(() => {});
    assert.equal(verifier.watched, 0);
    const gone = await verifier.verify(new Request('http://api.example/', {
        headers: { authorization: `Bearer ${anna.access_token}` }, signal: AbortSignal.abort(),
    }));
    gone.whenOver(() => {});
    assert.equal(verifier.watched, 0);
});

test('the session of a cookie ends what is open, on a machine whose clock is an hour ahead', async (t) => {
    const { keyward, verifier } = await begin(t);
    const { now } = Date;
    t.mock.method(Date, 'now', () => now() + 3_600_000);
    const anna = await signIn(keyward, 'anna', 'session');
    const [early, late] = [await ask(verifier, anna), await ask(verifier, anna)];
    const over = overOf(early);
    await signOut(keyward, anna);
    const reason = await Promise.race([over, new Promise((tooLate) => setTimeout(tooLate, 10_000, {}))]);
    assert.equal(reason.reason, 'logout');
    assert.equal(late.signal.aborted, true);
});
