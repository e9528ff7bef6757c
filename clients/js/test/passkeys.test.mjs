// Passkeys in Chromium, with an authenticator of its own: by the browser's conversions, and by hand where it has none;
// loaded with the page, and by the click that needs them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';
import { PASSWORD } from '../testing/keyward.mjs';

import { Front } from './front.mjs';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

const resolveDir = join(import.meta.dirname, '..');

async function bundled(contents, options) {
    return (await build({ stdin: { contents, resolveDir }, bundle: true, write: false, ...options })).outputFiles;
}

/** A page with a button for each of these functions, and its code in several files. */
const BUTTONS = ['register', 'signIn', 'stepUp'];
const PAGE = `
    import { createClient } from '@keyward/client';
    globalThis.client = createClient({ transport: 'session' });
    globalThis.heard = [];
    for (const method of ['create', 'get']) {
        const { [method]: real } = CredentialsContainer.prototype;
        CredentialsContainer.prototype[method] = function (options) {
            heard.push([method, navigator.userActivation.isActive]);
            return real.call(this, options);
        };
    }
    for (const name of ${JSON.stringify(BUTTONS)}) {
        const button = Object.assign(document.createElement('button'), { id: name, textContent: name });
        button.onclick = async () => heard.push([name, await client.passkeys[name]().then(({ status }) => status ?? 'done', String)]);
        document.body.append(button);
    }
    globalThis.isReady = client.passkeys.isSupported();
`;

let front, chromium, script;
before(async () => {
    front = await Front.start();
    const kit = `export { createClient } from '@keyward/client'; export { passkeys } from '@keyward/client/passkeys';`;
    [{ text: script }] = await bundled(kit, { format: 'iife', globalName: 'kit' });
    const html = { 'content-type': 'text/html' };
    const files = { '/': { status: 200, headers: html, body: '<!doctype html><title>app</title>' } };
    for (const { path, text } of await bundled(PAGE, { format: 'esm', splitting: true, outdir: '/split' })) {
        files[path] = { status: 200, headers: { 'content-type': 'text/javascript' }, body: text };
    }
    files['/buttons'] = { ...files['/'], body: '<!doctype html><body><script type="module" src="/split/stdin.js"></script>' };
    front.through = (asked, forward) => files[asked.path] ?? forward();
    chromium = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'], pipe: true });
});
after(async () => {
    await chromium?.close();
    await front.stop();
});

async function openPage(path = '/') {
    const context = await chromium.createBrowserContext();
    const page = await context.newPage();
    const devtools = await page.createCDPSession();
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
        options: {
            protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
            isUserVerified: true, automaticPresenceSimulation: true,
        },
    });
    await page.goto(front.url + path);
    if (path === '/') await page.addScriptTag({ content: script });
    return page;
}

async function wholeLife(page, transport, isEager = false) {
    return page.evaluate(async (transport, isEager, password) => {
        const client = kit.createClient({ transport });
        const { isSupported, signIn, answer, stepUp, register, list, remove } = isEager ? kit.passkeys(client) : client.passkeys;
        const said = { isSupported: isSupported() };
        await client.signIn({ username: 'anna', password });
        said.codes = (await register()).recovery_codes.length;
        const [{ id }] = await list();
        await client.signOut();

        said.alone = (await signIn({ device: 'by passkey' })).user.username;
        said.device = (await client.sessions.list())[0].device;
        await client.signOut();

        const asked = await client.signIn({ username: 'anna', password });
        said.methods = asked.methods;
        said.second = (await answer(asked.attempt)).status;
        said.stepUp = (await stepUp()).acr;
        await remove(id);
        said.left = (await list()).length;
        await client.signOut();
        client.close();
        return said;
    }, transport, isEager, PASSWORD);
}

const whole = {
    isSupported: true, codes: 10, alone: 'anna', device: 'by passkey', methods: ['recovery_code', 'passkey'],
    second: 'signed-in', stepUp: '2', left: 0,
};

for (const transport of ['session', 'cookie']) {
    test(`${transport}: a passkey is made, signs in alone and as a second factor, steps up, and is removed`, async () => {
        const page = await openPage();
        assert.deepEqual(await wholeLife(page, transport), whole);
        await page.close();
    });
}

test('what is imported by itself does the same', async () => {
    const page = await openPage();
    assert.deepEqual(await wholeLife(page, 'session', true), whole);
    await page.close();
});

test('a click leads to a ceremony while it still counts, though the code for it comes first', async () => {
    const page = await openPage('/buttons');
    await page.waitForFunction(() => globalThis.isReady);
    await page.evaluate((password) => client.signIn({ username: 'anna', password }), PASSWORD);
    const later = () => front.seen.filter(({ path }) => path.startsWith('/split/later')).length;
    assert.equal(later(), 0);
    for (const [name, method, said] of [['register', 'create', 'done'], ['stepUp', 'get', 'stepped-up'], ['signIn', 'get', 'signed-in']]) {
        await page.evaluate(() => { heard.length = 0; });
        // A real one: what a script calls does not count as a gesture.
        await page.click(`#${name}`);
        await page.waitForFunction(() => heard.length === 2);
        assert.deepEqual(await page.evaluate(() => heard), [[method, true], [name, said]]);
    }
    assert.equal(later(), 1);
    await page.evaluate(async () => {
        for (const { id } of await client.passkeys.list()) await client.passkeys.remove(id);
        await client.signOut();
    });
    await page.close();
});

test('code that cannot be loaded is Unavailable, and is tried again', async () => {
    const page = await openPage('/buttons');
    const { through } = front;
    let failures = 1;
    front.through = (asked, forward) => (asked.path.startsWith('/split/later') && failures-- > 0 ? { status: 500 } : through(asked, forward));
    const said = await page.evaluate(async () => {
        const tried = () => client.passkeys.list().then(() => 'done', ({ name }) => name);
        return [await tried(), client.state.status, await tried()];
    });
    assert.deepEqual(said, ['Unavailable', 'unknown', 'NotSignedIn']);
    front.through = through;
    await page.close();
});

test('a browser that converts nothing has passkeys too', async () => {
    const page = await openPage();
    await page.evaluate(() => {
        delete PublicKeyCredential.parseCreationOptionsFromJSON;
        delete PublicKeyCredential.parseRequestOptionsFromJSON;
        delete PublicKeyCredential.prototype.toJSON;
    });
    assert.deepEqual(await wholeLife(page, 'session'), whole);
    await page.close();
});

test('a user who says no is an error of the browser, and nothing becomes of the session', async () => {
    const page = await openPage();
    const said = await page.evaluate(async (password) => {
        const client = kit.createClient({ transport: 'session' });
        await client.signIn({ username: 'anna', password });
        navigator.credentials.create = async () => { throw new DOMException('no', 'NotAllowedError'); };
        const error = await client.passkeys.register().catch(({ name }) => name);
        return [error, client.state.status];
    }, PASSWORD);
    assert.deepEqual(said, ['NotAllowedError', 'signed-in']);
    await page.close();
});

test('requests with a body are sent, tried again and redirected in a browser as in Node', async () => {
    const page = await openPage();
    let losses = 1;
    front.seen = [];
    const { through } = front;
    front.through = (asked, forward) => {
        if (asked.path === '/moved') return { status: 307, headers: { location: '/v1/me' } };
        const body = '{"code":"token_expired"}';
        if (asked.path === '/notes' && losses-- > 0) return { status: 401, headers: { 'content-type': 'application/problem+json' }, body };
        return asked.path === '/notes' ? { status: 200, body: asked.body } : through(asked, forward);
    };
    const said = await page.evaluate(async (password) => {
        const client = kit.createClient({ transport: 'cookie' });
        await client.signIn({ username: 'anna', password });
        await new Promise((later) => setTimeout(later, 1_100));
        const notes = await client.fetch('/notes', { method: 'POST', body: 'a note' });
        const moved = await client.fetch('/moved', { method: 'POST', body: 'a note' }).catch(({ name }) => name);
        return [notes.status, await notes.text(), moved, client.state.status];
    }, PASSWORD);
    assert.deepEqual(said, [200, 'a note', 'TypeError', 'signed-in']);
    assert.equal(front.count('/v1/refresh'), 1);
    front.through = through;
    await page.close();
});
