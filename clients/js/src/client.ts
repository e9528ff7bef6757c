// What an app holds: puts the parts together, and looks now and then whether the session goes on.
import { Unavailable } from './errors.js';
import { createIdentity, UNKNOWN, type Listener } from './identity.js';
import type * as Later from './later.js';
import { PAUSE, QUIET } from './limits.js';
import { createRequests } from './requests.js';
import { createSession } from './session.js';
import { createTabs } from './tabs.js';
import type { Attempt, Client, KnownState, Method, Options, SignInResult, TokenStore, User } from './types.js';
import { createWire } from './wire.js';

function inMemory(): TokenStore {
    let token: string | null = null;
    return { read: () => token, write: (next) => { token = next; } };
}

export function createClient(options: Options): Client {
    const { transport, app, poll = 60 } = options;
    // A cookie is that of all apps at this address, and what is in memory is nobody else's.
    const scope = options.storage ? app : transport === 'body' ? Math.random() : '';
    const name = `keyward.${scope}.${options.baseUrl}`;
    const wire = createWire(options);
    const identity = createIdentity();
    const kept = options.storage?.(name) ?? inMemory();
    // What is heard is looked into at once: timers of hidden tabs take a second.
    const tabs = createTabs(name, (reason) => session.halt(reason).then(look));
    const session = createSession(transport, wire, identity, kept, tabs);
    const { ask, request } = createRequests(options, wire, identity, session, hint);
    const closed = new AbortController();
    /** There once somebody listens. */
    let interval: unknown;
    let isHinted = false;

    async function look() {
        isHinted = false;
        if (closed.signal.aborted) return;
        await session.look().catch(() => {});
        if (identity.state === UNKNOWN) setTimeout(wake, PAUSE);
    }

    /** Something may have changed. */
    function hint() {
        if (!isHinted) setTimeout(look, QUIET);
        isHinted = true;
    }

    function wake() {
        if (!globalThis.document?.hidden) hint();
    }

    function listen(listener: Listener) {
        identity.listeners.add(listener);
        if (interval === undefined) {
            tabs.tell();
            for (const event of ['focus', 'online', 'visibilitychange']) globalThis.addEventListener?.(event, wake, closed);
            interval = poll && setInterval(() => { if (identity.state.user) wake(); }, poll * 1000);
            // In Node, it would keep the process alive.
            (interval as { unref?(): void }).unref?.();
            look();
        }
        return () => void identity.listeners.delete(listener);
    }

    // In its turn, so that no other tab's refresh, asked for with the cookie of before, is answered after it.
    const enter = (path: string, body: object) => session.alone(() => tabs.turn(async (): Promise<SignInResult> => {
        const answer = await wire.ask({ method: 'POST', path, body, isSignIn: true });
        const { code, detail, json } = answer;
        const { methods } = json as { methods: Method[] };
        if (code === 'mfa_required') return { status: 'mfa-required', methods, attempt: json as unknown as Attempt };
        if (code) return { status: 'refused', code, detail };
        identity.epoch++;
        await kept.write((json['refresh_token'] ?? null) as string | null);
        if (identity.state.user) session.end('replaced');
        // At once: who got no turn, and goes ahead, must drop what is under way.
        tabs.tell('replaced');
        await session.adopt(answer);
        return { status: 'signed-in', user: identity.state.user! };
    }));

    async function leave(reason: string) {
        const { epoch } = identity;
        const given = await kept.read();
        await ask('POST', `/v1/${reason.replace('_', '/')}`, given ? { refresh_token: given } : undefined).catch((error) => {
            // What is over need not be ended. A proxy's 401 says nothing of it.
            if (error instanceof Unavailable || error.status !== 401) throw error;
        });
        await session.alone(async () => {
            // Somebody who has signed in meanwhile stays.
            if (epoch !== identity.epoch && identity.state.user) return;
            identity.epoch++;
            await kept.write(null);
            session.end(reason);
            tabs.tell(reason);
        });
    }

    /** These functions of that part are loaded when one of them is called. */
    function later<Part extends keyof typeof Later>(part: Part, ...names: string[]) {
        const lazy = (name: string) => [name, async (...words: unknown[]) => {
            const parts = await import('./later.js').catch((error) => { throw new Unavailable(error); });
            return (parts[part](client) as any)[name](...words);
        }];
        return Object.fromEntries(names.map(lazy)) as ReturnType<(typeof Later)[Part]>;
    }

    const client: Client = {
        app,
        transport,
        get state() { return identity.state; },
        async whenReady() {
            if (identity.state === UNKNOWN) await new Promise(listen);
            return identity.state as KnownState;
        },
        onChange: listen,
        signIn: (credentials) => enter('/v1/login', { ...credentials, app, transport }),
        answer: ({ mfa_token }, proof) => enter('/v1/login/answer', { ...proof, mfa_token }),
        signOut: (how) => leave(how?.everywhere ? 'logout_all' : 'logout'),
        ...later('proofs', 'stepUp'),
        fetch: request,
        getAccessToken: () => session.access(),
        me: () => ask('GET', '/v1/me') as Promise<unknown> as Promise<User>,
        sessions: later('sessions', 'list', 'end', 'endOthers'),
        passkeys: {
            ...later('passkeys', 'signIn', 'answer', 'stepUp', 'register', 'list', 'remove'),
            isSupported: () => 'PublicKeyCredential' in globalThis,
        },
        ask: ask as Client['ask'],
        close() {
            closed.abort();
            clearInterval(interval as number);
            identity.listeners.clear();
            tabs.close();
        },
    };
    return client;
}
