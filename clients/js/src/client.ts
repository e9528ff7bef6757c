// What an app holds: puts the parts together, and looks now and then whether the session goes on.
import { startWatch } from './clock.js';
import { NotSignedIn, Refused, Unavailable } from './errors.js';
import { createIdentity, UNKNOWN, type Listener } from './identity.js';
import { createRequests } from './requests.js';
import { createSession } from './session.js';
import { createTabs } from './tabs.js';
import type {
    Attempt, Client, KnownState, Method, Options, Session, SignInResult, StepUpResult, TokenStore, User,
} from './types.js';
import { createWire, type Answer, type Json } from './wire.js';

/** However many hints come, the server is asked no more often than this, in milliseconds. */
const QUIET = 250;
/** Between two tries to learn who is signed in, in milliseconds. */
const PAUSE = 5_000;
const WAKING = ['focus', 'online', 'visibilitychange'];

function inMemory(): TokenStore {
    let token: string | null = null;
    return { read: () => token, write: (next) => { token = next; } };
}

export function createClient(options: Options): Client {
    const { transport, app, poll = 60 } = options;
    const name = `keyward.${app}.${options.baseUrl}`;
    const wire = createWire(options);
    const identity = createIdentity();
    const kept = options.storage?.(name) ?? inMemory();
    // What is in memory is nobody else's. What is heard is looked into at once: timers of hidden tabs take a second.
    const tabs = createTabs(transport === 'body' && !options.storage ? name + Math.random() : name, () => session.halt().then(look));
    const session = createSession(transport, wire, identity, kept, tabs);
    const { asUser, ask, request } = createRequests(options, wire, identity, session, hint);
    const closed = new AbortController();
    let interval: unknown;
    let isHinted = false;
    let isStarted = false;

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
        if (!isStarted) {
            isStarted = true;
            tabs.tell(false);
            for (const event of WAKING) globalThis.addEventListener?.(event, wake, closed);
            if (poll) interval = setInterval(() => { if (identity.state.user) wake(); }, poll * 1000);
            // In Node, it would keep the process alive.
            (interval as { unref?(): void } | undefined)?.unref?.();
            look();
        }
        return () => void identity.listeners.delete(listener);
    }

    async function told(method: string, path: string, body?: object): Promise<Json> {
        const { code, detail, status, reason, json } = await ask(method, path, body);
        if (code === 'token_missing') throw new NotSignedIn();
        if (code) throw new Refused(detail, { status, code, reason });
        return json;
    }

    /** What came of a sign-in or a step-up, where it is not yet or not at all what was asked for. */
    function shortOf({ code, detail, json }: Answer) {
        const { methods } = json as { methods: Method[] };
        const attempt = json as unknown as Attempt;
        if (code === 'mfa_required') return { status: 'mfa-required', methods, attempt } as const;
        return code ? { status: 'refused', code, detail } as const : null;
    }

    const enter = (path: string, body: object) => session.alone(async (): Promise<SignInResult> => {
        const age = startWatch();
        const answer = await wire.ask({ method: 'POST', path, body, isSignIn: true });
        const short = shortOf(answer);
        if (short) return short;
        identity.epoch++;
        await kept.write((answer.json['refresh_token'] ?? null) as string | null);
        if (identity.state.user) session.end('replaced');
        // At once, before another tab's refresh is answered, which brings back the cookie of before.
        tabs.tell(true);
        await session.adopt(answer, age);
        return { status: 'signed-in', user: identity.state.user! };
    });

    async function leave(reason: string) {
        const { epoch } = identity;
        await told('POST', `/v1/${reason.replace('_', '/')}`).catch((error) => {
            // What is over need not be ended. A proxy's 401 says nothing of it.
            if (error instanceof Unavailable || error.status !== 401) throw error;
        });
        await session.alone(async () => {
            // Somebody who has signed in meanwhile stays.
            if (epoch !== identity.epoch && identity.state.user) return;
            identity.epoch++;
            await kept.write(null);
            session.end(reason);
            tabs.tell(true);
        });
    }

    async function listed(query = ''): Promise<Session[]> {
        const { sessions, next_cursor: next } = await told('GET', `/v1/sessions${query}`);
        const rest = next ? await listed(`?cursor=${encodeURIComponent(String(next))}`) : [];
        return [...(sessions as Session[]), ...rest];
    }

    return {
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
        async stepUp(proof): Promise<StepUpResult> {
            const age = startWatch();
            const answer = await ask('POST', '/v1/step-up', proof);
            const short = shortOf(answer);
            if (short) return short;
            const { acr, amr, auth_time } = answer.json;
            session.hold(answer, age);
            return { status: 'stepped-up', acr, amr, auth_time } as StepUpResult;
        },
        fetch: request,
        getAccessToken: async () => (await asUser(async (token) => ({ status: 0, token }))).token,
        me: async () => await told('GET', '/v1/me') as unknown as User,
        sessions: {
            list: () => listed(),
            end: (id) => told('DELETE', `/v1/sessions/${encodeURIComponent(id)}`) as Promise<never>,
            endOthers: async () => (await told('POST', '/v1/logout/all?keep=current'))['ended'] as number,
        },
        ask: told as Client['ask'],
        close() {
            closed.abort();
            clearInterval(interval as number);
            identity.listeners.clear();
            tabs.close();
        },
    };
}
