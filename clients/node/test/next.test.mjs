// The Next.js skin, in a real app: built and started, with no network but Keyward's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { freePort, guarded, Keyward, until } from '../testing/keyward.mjs';
import { asking, closesWithin, open, refusals, signIn, signOut } from './support.mjs';

const next = createRequire(import.meta.url).resolve('next/dist/bin/next');

/** The app, built in a folder of its own. */
function build(t) {
    const folder = mkdtempSync(resolve('next-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    cpSync('test/next-app', folder, { recursive: true });
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
    const built = spawnSync(process.execPath, [next, 'build'], { cwd: folder, env, encoding: 'utf8' });
    assert.equal(built.status, 0, built.stdout + built.stderr);
    return folder;
}

async function start(t, folder, keyward, mode) {
    const port = await freePort();
    const { url, checkUrl, secrets: { api } } = keyward;
    const server = await guarded(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)], {
        cwd: folder, log: join(folder, 'log'),
        env: {
            ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production',
            KEYWARD_URL: url, KEYWARD_CHECK_URL: checkUrl, KEYWARD_SECRET: api, KEYWARD_MODE: mode,
        },
    });
    t.after(() => server.stop());
    const base = `http://127.0.0.1:${port}`;
    await until(() => fetch(`${base}/public`).then(({ ok }) => ok, () => false), 'Next is ready');
    return base;
}

test('Next.js', async (t) => {
    const began = performance.now();
    const folder = build(t);
    t.diagnostic(`next build took ${Math.round(performance.now() - began)} ms`);
    for (const mode of ['check', 'local']) {
        await t.test(`Next.js, ${mode}`, async (t) => {
            const keyward = await Keyward.start({
                users: [{ name: 'anna', roles: ['admin'] }, 'bert'], apps: { api: 'confidential' },
            });
            t.after(() => keyward.stop());
            const base = await start(t, folder, keyward, mode);
            await behaves(t, keyward, base, mode);
        });
    }
});

async function behaves(t, keyward, base, mode) {
    const ask = asking(base);
    await refusals(t, keyward, ask);

    await t.test('attack 8: a header that skips the proxy skips no check', async () => {
        const inner = ['proxy', 'middleware', 'src/middleware', 'pages/_middleware', 'src/proxy'];
        for (const name of inner) {
            const skipped = Array(5).fill(name).join(':');
            for (const [path, status] of [['/api/me', 401], ['/unproxied', 401], ['/page', 200]]) {
                const answer = await ask(path, undefined, { 'x-middleware-subrequest': skipped });
                assert.equal(answer.status, status, `${path} with ${skipped}`);
                assert.equal((await answer.text()).includes('username'), false, `${path} with ${skipped}`);
            }
        }
    });

    await t.test('attack 12: a page of one user is never another\'s', async () => {
        const [anna, bert] = [await signIn(keyward, 'anna', 'session'), await signIn(keyward, 'bert')];
        const first = await ask('/page', undefined, { cookie: anna.cookie });
        assert.match(await first.text(), /username[^a-z]*anna/);
        for (const answer of [first, await ask('/api/public', bert.access_token)]) {
            assert.match(answer.headers.get('cache-control'), /private.*no-store/);
            assert.equal(answer.headers.get('x-nextjs-cache'), null);
        }
        assert.match(await (await ask('/page', bert.access_token)).text(), /username[^a-z]*bert/);
        const nobody = await (await ask('/page')).text();
        assert.equal(/anna|bert/.test(nobody), false);
        assert.match(nobody, /sign in/);
    });

    await t.test('a page of another site changes nothing with a session cookie', async () => {
        const { cookie } = await signIn(keyward, 'anna', 'session');
        const post = (origin) => fetch(`${base}/api/me`, { method: 'POST', headers: { cookie, origin } });
        assert.equal((await post('https://evil.example')).status, 403);
        assert.equal((await post(keyward.url)).status, 200);
    });

    await t.test('event streams of who signs out close, and no others', async () => {
        const [mine, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];
        const others = await open(`${base}/api/events`, bert.access_token);
        const streams = [await open(`${base}/api/events`, mine.access_token)];
        await closesWithin(t, `Next.js, ${mode}`, streams, () => signOut(keyward, mine));
        assert.equal(others.isOpen(), true);
        others.close();
        assert.equal((await ask('/api/events', mine.access_token)).status, 401);
    });
}
