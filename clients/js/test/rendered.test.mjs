// React and Vue in Chromium: what they render follows who is signed in, in whichever tab.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';
import { PASSWORD, until } from '../testing/keyward.mjs';

import { Front } from './front.mjs';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

const APP = `
    import { createClient } from '@keyward/client';
    import { useKeyward } from '@keyward/client/react';
    import { useKeyward as useInVue } from '@keyward/client/vue';
    import { createElement, StrictMode } from 'react';
    import { createRoot } from 'react-dom/client';
    import { createApp, h } from 'vue';

    const client = createClient({ transport: 'session' });
    const textOf = ({ status, user }) => status + ' ' + (user?.username ?? '');
    const InReact = () => createElement('p', null, textOf(useKeyward(client)));
    createRoot(document.getElementById('react')).render(createElement(StrictMode, null, createElement(InReact)));
    createApp({ setup() { const state = useInVue(client); return () => h('p', textOf(state.value)); } }).mount('#vue');
    window.client = client;
`;

let front, chromium;
before(async () => {
    front = await Front.start({ users: ['anna', 'ben'] });
    const { outputFiles } = await build({
        stdin: { contents: APP, resolveDir: join(import.meta.dirname, '..') }, bundle: true, format: 'iife', write: false,
        define: { 'process.env.NODE_ENV': '"development"' },
    });
    const html = '<!doctype html><title>app</title><div id="react"></div><div id="vue"></div><script src="/app.js"></script>';
    front.through = (asked, forward) => {
        if (asked.path === '/') return { status: 200, headers: { 'content-type': 'text/html' }, body: html };
        if (asked.path === '/app.js') return { status: 200, headers: { 'content-type': 'text/javascript' }, body: outputFiles[0].text };
        return forward();
    };
    chromium = await puppeteer.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'], pipe: true });
});
after(async () => {
    await chromium?.close();
    await front.stop();
});

async function openTab(context) {
    const page = await context.newPage();
    await page.goto(`${front.url}/`);
    const shows = (text) => until(async () => {
        const shown = await page.$$eval('p', (all) => all.map(({ textContent }) => textContent));
        return shown.length === 2 && shown.every((one) => one === text);
    }, `both say ${text}`);
    const signIn = (username) => page.evaluate((username, password) => client.signIn({ username, password }), username, PASSWORD);
    return { page, shows, signIn };
}

test('what React and Vue render follows who is signed in, in all tabs', async () => {
    const context = await chromium.createBrowserContext();
    const [one, other] = [await openTab(context), await openTab(context)];
    for (const { shows } of [one, other]) await shows('signed-out ');
    await one.signIn('anna');
    for (const { shows } of [one, other]) await shows('signed-in anna');
    await other.signIn('ben');
    for (const { shows } of [one, other]) await shows('signed-in ben');
    await one.page.reload();
    await one.shows('signed-in ben');
    await one.page.evaluate(() => client.signOut());
    for (const { shows } of [one, other]) await shows('signed-out ');
});

test('a session that was ended elsewhere is noticed when the page is looked at again', async () => {
    const { page, shows, signIn } = await openTab(await chromium.createBrowserContext());
    await signIn('anna');
    await shows('signed-in anna');
    front.keyward.run(['session', 'revoke', '--user', 'anna']);
    await until(async () => {
        await page.evaluate(() => dispatchEvent(new Event('focus')));
        return page.evaluate(() => client.state.status === 'signed-out' && client.state.reason === 'admin');
    });
    await shows('signed-out ');
});
