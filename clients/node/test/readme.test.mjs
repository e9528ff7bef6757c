// The code of README.md runs as it stands there. Next.js's is that of the app in the test of its skin.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { freePort, guarded, Keyward, until } from '../testing/keyward.mjs';
import { asking, openSocket, signIn } from './support.mjs';

const readme = readFileSync(resolve('node_modules/@keyward/node/README.md'), 'utf8');

/** The file of that name in README.md. */
function file(name) {
    const found = [...readme.matchAll(/```js\n(\/\/ (\S+)\n[^]*?)```/g)].find(([, , named]) => named === name);
    assert.ok(found, `README.md has no ${name}`);
    return found[1];
}

/** Whatever it answers, if anything. */
const isListening = (url) => fetch(url, { signal: AbortSignal.timeout(500) })
    .then(() => true, ({ cause }) => cause?.code !== 'ECONNREFUSED');

async function run(t, name, keyward) {
    const folder = mkdtempSync(resolve('readme-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, name), file(name));
    const port = await freePort();
    const env = { ...process.env, KEYWARD_URL: keyward.url, KEYWARD_SECRET: keyward.secrets.api, PORT: port };
    const server = await guarded(process.execPath, [name], { cwd: folder, env });
    t.after(() => server.stop());
    const url = `http://localhost:${port}`;
    await until(() => isListening(url), `${name} listens`);
    return url;
}

test('the code of README.md runs', async (t) => {
    const keyward = await Keyward.start({
        users: [{ name: 'anna', roles: ['admin'] }, 'bert'], apps: { api: 'confidential' },
    });
    t.after(() => keyward.stop());
    const [anna, bert] = [await signIn(keyward, 'anna'), await signIn(keyward, 'bert')];

    for (const name of ['server.mjs', 'fastify.mjs', 'hono.mjs']) {
        await t.test(name, async (t) => {
            const ask = asking(await run(t, name, keyward));
            assert.equal((await (await ask('/api/me', anna.access_token)).json()).username, 'anna');
            assert.equal((await ask('/api/me')).status, 401);
            const remove = ({ access_token }) => ask('/api/users', access_token, {}, 'DELETE');
            assert.deepEqual([(await remove(anna)).status, (await remove(bert)).status], [204, 403]);
        });
    }

    await t.test('sockets.mjs', async (t) => {
        const url = await run(t, 'sockets.mjs', keyward);
        const socket = await openSocket(url, bert.access_token);
        assert.equal(socket.first, 'hello, bert');
        socket.close();
    });

    await t.test('shop.mjs', async (t) => {
        const url = await run(t, 'shop.mjs', keyward);
        const headers = { 'content-type': 'application/json' };
        const signedIn = await fetch(`${url}/sign-in`, { method: 'POST', headers, body: '{"user":"carla"}' });
        headers.cookie = signedIn.headers.getSetCookie()[0].split(';')[0];
        const user = async () => (await (await fetch(url, { headers })).json()).user;
        assert.equal(await user(), 'carla');
        assert.equal((await fetch(`${url}/sign-out-everywhere`, { method: 'POST', headers })).status, 204);
        assert.equal(await user(), null);
    });
});
