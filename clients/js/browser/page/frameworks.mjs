// The React hook and the Vue composable, each with a client of its own, as an app has them.
import { createClient } from '@keyward/client';
import { useKeyward as useInReact } from '@keyward/client/react';
import { useKeyward as useInVue } from '@keyward/client/vue';
import { createElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createApp, h } from 'vue';

const options = { baseUrl: location.origin, app: 'web', transport: 'cookie', poll: 0 };
const clients = [createClient(options), createClient(options)];
const words = ({ status, user }) => (status === 'signed-in' ? `Hello, ${user.username}` : status);

function place(id) {
    const element = document.createElement('div');
    element.id = id;
    document.body.append(element);
    return element;
}

const InReact = () => createElement('p', null, words(useInReact(clients[0])));
createRoot(place('react')).render(createElement(StrictMode, null, createElement(InReact)));

createApp({
    setup() {
        const state = useInVue(clients[1]);
        return () => h('p', words(state.value));
    },
}).mount(place('vue'));

globalThis.client = clients[0];
globalThis.isReady = true;
