// The page of most tests: a client with the options that the address names, and what the tests ask of it.
import { createClient } from '@keyward/client';
import { dpopKey } from '@keyward/client/dpop';

const { dpop, ...options } = JSON.parse(new URLSearchParams(location.search).get('options'));

/** What the page was told, with the time at which it was: `{ status, name, reason, at }`. */
globalThis.heard = [];
globalThis.client = createClient({
    baseUrl: location.origin, app: 'web', transport: 'cookie', poll: 0, ...options, ...dpop && { dpop: dpopKey() },
});
globalThis.keys = globalThis.client.passkeys;
globalThis.client.onChange(({ status, user, reason }) => {
    globalThis.heard.push({ status, name: user?.username, reason, at: performance.timeOrigin + performance.now() });
});

/** What the API says: `{ status, name, session }`; what was thrown is `{ failed }`, by its name. */
globalThis.ask = async (path = '/api/who') => {
    try {
        const answer = await globalThis.client.fetch(path);
        const said = answer.ok ? await answer.json() : {};
        return { status: answer.status, ...said };
    } catch (error) {
        return { failed: error.name };
    }
};

globalThis.isReady = true;
