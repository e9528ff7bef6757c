// React and Vue, on a server and against the rules of their stores. What they render in a browser, the example app
// shows in one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createClient } from '@keyward/client';
import { useKeyward } from '@keyward/client/react';
import { useKeyward as useInVue } from '@keyward/client/vue';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { createSSRApp, effectScope, h, watch } from 'vue';
import { renderToString as renderVue } from 'vue/server-renderer';
import { Keyward, PASSWORD, until } from '../testing/keyward.mjs';

let keyward;
before(async () => { keyward = await Keyward.start(); });
after(() => keyward.stop());

const device = () => createClient({ baseUrl: keyward.url, transport: 'body', poll: 0 });
const signIn = (client) => client.signIn({ username: 'anna', password: PASSWORD });

test('the state is the same object until something changes, as useSyncExternalStore asks', async () => {
    const client = device();
    const states = [client.state];
    assert.equal(client.state, states[0]);
    const { onChange } = client;
    const end = onChange(() => states.push(client.state));
    await signIn(client);
    await until(() => client.state.status === 'signed-in');
    const before = client.state;
    await client.me();
    assert.equal(client.state, before);
    end();
    await client.signOut();
    assert.equal(new Set(states).size, states.length);
    assert.equal(states.at(-1).status, 'signed-in');
    client.close();
});

test('on a server, React renders what is unknown, whoever is signed in elsewhere', async () => {
    const client = device();
    await signIn(client);
    const Hello = () => createElement('p', null, useKeyward(client).status);
    assert.equal(renderToString(createElement(Hello)), '<p>unknown</p>');
    client.close();
});

test('on a server, Vue renders and listens to nothing', async () => {
    const client = device();
    const app = createSSRApp({ setup: () => { const state = useInVue(client); return () => h('p', state.value.status); } });
    assert.equal(await renderVue(app), '<p>unknown</p>');
    client.close();
});

test('a ref of Vue follows the state, and stops with its scope', async () => {
    const client = device();
    globalThis.window = globalThis;
    const scope = effectScope();
    const seen = [];
    const state = scope.run(() => {
        const followed = useInVue(client);
        watch(followed, ({ status }) => seen.push(status), { flush: 'sync' });
        return followed;
    });
    delete globalThis.window;
    await signIn(client);
    await until(() => state.value.user?.username === 'anna');
    scope.stop();
    await client.signOut();
    assert.equal(state.value.status, 'signed-in');
    assert.equal(seen.at(-1), 'signed-in');
    client.close();
});
