// What the page says runs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { transform } from 'esbuild';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import * as client from '@keyward/client';
import * as dpop from '@keyward/client/dpop';
import * as factors from '@keyward/client/factors';
import * as passkeys from '@keyward/client/passkeys';
import * as react from '@keyward/client/react';
import * as storage from '@keyward/client/storage';
import * as vue from '@keyward/client/vue';
import { Keyward, PASSWORD, until } from '../testing/keyward.mjs';

import { withCookies } from './browser.mjs';
import { totp } from './totp.mjs';

const page = readFileSync(join(import.meta.dirname, '../node_modules/@keyward/client/README.md'), 'utf8');
const blocks = [...page.matchAll(/^```(js|jsx)\n(.*?)^```/gms)].map(([, language, code]) => ({ language, code }));
const modules = { client, dpop, factors, passkeys, react, storage, vue };

let keyward, shown;
before(async () => {
    keyward = await Keyward.start({
        users: ['anna'], apps: { web: [], phone: [] }, settings: { ACCOUNTS_SIGNUP: 'open' },
    });
    shown = [];
});
after(() => keyward.stop());

/** Runs the block that has these words, beside what the page takes for granted; returns what it declares. */
async function run(words, given = {}, declares = 'null', stopAt = null) {
    const { language, code } = blocks.find((block) => block.code.includes(words));
    const own = stopAt ? code.slice(0, code.indexOf(stopAt)) : code;
    const { code: plain } = await transform(own, { loader: language, jsx: 'transform', target: 'esnext' });
    const body = plain
        .replaceAll(/import (\{.*?\}) from "@keyward\/client(?:\/(\w+))?";/g, (_, names, name) => `const ${names} = modules.${name ?? 'client'};`)
        .replaceAll('https://auth.example.com', keyward.url);
    const { createClient } = client;
    given = { createClient, ...given };
    if (body.includes('{ createClient } =')) delete given.createClient;
    const names = ['modules', 'console', ...Object.keys(given)];
    const AsyncFunction = (async () => {}).constructor;
    const act = new AsyncFunction(...names, `${body}\nreturn ${declares};`);
    return act(modules, { log: (...line) => shown.push(line) }, ...Object.values(given));
}

test('the first block signs in and asks an API', async () => {
    const { fetch } = globalThis;
    // Cookies, as a page has them.
    globalThis.fetch = withCookies(keyward.url);
    try {
        const { result, keyward: made } = await run('const notes', {}, '{ result, keyward }');
        assert.equal(result.status, 'signed-in');
        made.close();
        assert.ok(shown.some((line) => line.includes('anna')));
    } finally {
        globalThis.fetch = fetch;
    }
});

test('a second factor is set up and asked for as the page says', async () => {
    const app = client.createClient({ baseUrl: keyward.url, app: 'web', transport: 'body', poll: 0 });
    await app.signIn({ username: 'anna', password: PASSWORD });
    let steps = 0;
    let secret;
    const begun = app.ask;
    app.ask = async (method, path, body) => {
        const said = await begun(method, path, body);
        if (said.secret) secret = said.secret;
        return said;
    };
    const { qr, recovery_codes } = await run('totp.begin', {
        keyward: app, askTheUser: () => totp(secret, steps++),
    }, '{ qr, recovery_codes }');
    assert.match(qr, /^data:/);
    assert.equal(recovery_codes.length, 10);
    await app.signOut();
    const answers = ['000000', await totp(secret, 1)];
    const result = await run('answer(attempt', { keyward: app, askTheUser: () => answers.shift() }, 'result');
    assert.equal(result.status, 'signed-in');
    app.close();
});

/** That one of the tokens that were mailed: the log names the files, and an app without pages has them alone in a line. */
async function mailed(which) {
    const mails = () => [...keyward.log.matchAll(/file=(\S+\.eml)/g)].map(([, file]) => readFileSync(join(keyward.folder, file), 'utf8'));
    const tokens = () => mails().flatMap((mail) => mail.match(/^[\w-]{60,}(?=\r$)/m) ?? []);
    await until(() => tokens().length >= which, `${which} mails with a token`);
    return tokens()[which - 1];
}

test('what has no function is asked as the table says', async () => {
    const app = client.createClient({ baseUrl: keyward.url, app: 'phone', transport: 'body', poll: 0 });
    const calls = [...page.matchAll(/^\| `(ask\(.*?\))` \|/gm)].map(([, call]) => call);
    const asked = [];
    const ask = (words, given = {}) => {
        const call = calls.find((one) => one.includes(words));
        asked.push(call);
        const act = new Function('keyward', ...Object.keys(given), `return keyward.${call};`);
        return act(app, ...Object.values(given));
    };
    const status = async (password) => (await app.signIn({ username: 'bert', password })).status;

    await ask('/v1/signup', { username: 'bert', password: PASSWORD, email: 'bert@example.com' });
    await ask('/v1/email/confirm', { token: await mailed(1) });
    await ask('/v1/password/forgot', { identifier: 'bert@example.com', app: 'phone' });
    await ask('/v1/password/reset', { token: await mailed(2), chosen: 'another staple harbour' });
    assert.equal(await status(PASSWORD), 'refused');
    assert.equal(await status('another staple harbour'), 'signed-in');
    await ask("'/v1/password',", { current: 'another staple harbour', chosen: 'purple staple harbour' });
    await ask('PATCH', { email: 'bert@example.org' });
    assert.equal((await app.me()).email, 'bert@example.com', 'not before it is confirmed');
    await ask('/v1/email/confirm', { token: await mailed(3) });
    assert.equal((await app.me()).email, 'bert@example.org');
    await ask('DELETE');
    await app.signOut();
    assert.equal(app.state.status, 'signed-out');
    assert.equal(await status('purple staple harbour'), 'refused');
    assert.deepEqual([...new Set(asked)].sort(), calls.sort(), 'each row is tried');
    app.close();
});

test('the other blocks make what they name', async () => {
    const made = await run('dpopKey()', {}, 'keyward');
    assert.equal(made.transport, 'cookie');
    const items = new Map();
    const AsyncStorage = {
        getItem: async (key) => items.get(key) ?? null,
        setItem: async (key, value) => items.set(key, value),
        removeItem: async (key) => items.delete(key),
    };
    const phone = await run('AsyncStorage', { baseUrl: keyward.url, AsyncStorage }, 'keyward');
    assert.equal((await phone.whenReady()).status, 'signed-out');
    const vault = await run('SecureStore', {
        SecureStore: { getItemAsync: AsyncStorage.getItem, setItemAsync: AsyncStorage.setItem, deleteItemAsync: AsyncStorage.removeItem },
    }, 'storage');
    await vault('phone').write('kwr_x');
    assert.deepEqual([await vault('phone').read(), items.get('phone')], ['kwr_x', 'kwr_x']);
    const names = await run('register', { keyward: made }, '[signIn, answer, stepUp, register, list, remove]', 'await signIn');
    assert.ok(names.every((one) => typeof one === 'function'));
    const React = { createElement };
    const Hello = await run('function Hello', { keyward: made, React, SignIn: () => 'please sign in' }, 'Hello');
    assert.equal(renderToString(createElement(Hello)), '', 'what is not known is no time for a sign-in form');
    const state = await run('A ref.', { keyward: phone }, 'state');
    assert.equal(state.value.status, 'signed-out');
    phone.close();
});
