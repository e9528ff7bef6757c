// The session of this device: its access token, when that is renewed, and what ends it. Only Keyward's own 401 does.
import { startWatch, type Watch } from './clock.js';
import { NotSignedIn, Unavailable } from './errors.js';
import type { Identity } from './identity.js';
import type { createTabs } from './tabs.js';
import type { SignedIn, TokenStore, Transport, User } from './types.js';
import type { Answer, Wire } from './wire.js';

/** An access token. */
interface Held {
    token: string;
    /** Since it was asked for, which is before it began to count. */
    age: Watch;
    /** In milliseconds. */
    life: number;
}

/** After how much of its life another token is asked for. */
const USED_UP = 0.9;
/** A token that is younger, in milliseconds, is not replaced for who calls it over: another would fare no better. */
const YOUNG = 1_000;
/** How often a token of another process is taken up in one refresh. */
const ROUNDS = 3;

const noUse = ({ status, code, detail }: Answer) => new Unavailable(detail, status, null, code);

/** Throws unless the credential is none any more: what else is refused may be asked again later. */
function mustBeOver(answer: Answer) {
    if (answer.status !== 401 || !/^(token|refresh|session)_/.test(answer.code!)) throw noUse(answer);
}

export function createSession(
    transport: Transport, wire: Wire, identity: Identity, kept: TokenStore, tabs: ReturnType<typeof createTabs>,
) {
    const hasTokens = transport !== 'session';
    let held: Held | null = null;
    /** Why the access token was refused, in case that the refresh is refused too. */
    let reason: string | null = null;
    let refreshing: Promise<void> | null = null;
    let looking: Promise<void> | null = null;
    let busy: Promise<unknown> = Promise.resolve();

    const isGood = () => held && held.age() < held.life * USED_UP;

    function hold({ json }: Answer, age: Watch) {
        const { access_token: token, expires_in: seconds } = json as { access_token?: string; expires_in: number };
        if (token) held = { token, age, life: seconds * 1000 };
        reason = null;
    }

    function end(why: string | null) {
        held = null;
        identity.set({ status: 'signed-out', user: null, reason: why });
    }

    /** The token is refused: another is needed. Says whether there is, or may be, one. */
    function drop(token: string | null, why: string | null, isForeign = false): boolean {
        if (!held || held.token !== token) return true;
        if (isForeign && held.age() < YOUNG) return false;
        held = null;
        reason = why;
        return true;
    }

    /** Who it is now, by a token or a cookie. */
    const who = (token: string | null) => wire.insist({ method: 'GET', path: '/v1/me', token });

    /** Takes up what a sign-in or a refresh has brought, unless it is too late. */
    async function adopt(answer: Answer, age: Watch): Promise<void> {
        const own = identity.guard();
        const { session_id: session, access_token } = answer.json as Record<string, string>;
        const known = identity.state as SignedIn;
        let { user } = known;
        if (known.session !== session) {
            const me = await who(access_token!);
            // Just let in, and not known: a browser that takes no cookie from there, say.
            if (me.code) throw noUse(me);
            user = me.json as unknown as User;
        }
        own();
        hold(answer, age);
        identity.set({ status: 'signed-in', user, session: session! });
    }

    /** False where what is kept has changed meanwhile. */
    async function round(own: () => void): Promise<boolean> {
        const given = await kept.read();
        own();
        const age = startWatch();
        if (transport === 'body' && !given) {
            // There is nobody to ask about.
            end(reason);
            return true;
        }
        const answer = await wire.insist({
            method: 'POST', path: '/v1/refresh', isSignIn: false,
            body: given ? { refresh_token: given } : undefined,
        });
        const { code, json } = answer;
        if (code) mustBeOver(answer);
        // Kept before anything that came with it is used: a process that dies here has the new one. And where there is
        // another one by now, another process has signed in anew.
        const next = (json['refresh_token'] ?? null) as string | null;
        const found = await kept.read();
        own();
        if (found !== given && found !== next) return false;
        await kept.write(next);
        own();
        if (code) end(answer.reason ?? reason ?? (code === 'token_missing' ? null : code));
        else await adopt(answer, age);
        return true;
    }

    async function refreshed() {
        await tabs.turn(async () => {
            await busy;
            const own = identity.guard();
            for (let rounds = ROUNDS; rounds--;) if (await round(own)) return;
            throw new NotSignedIn();
        });
        tabs.tell(false);
    }

    /** One at a time, however many ask. */
    const refresh = () => refreshing ??= refreshed().finally(() => { refreshing = null; });

    async function looked() {
        if (hasTokens && !isGood()) return refresh();
        const own = identity.guard();
        const token = held?.token ?? null;
        const me = await who(token);
        own();
        if (!me.code) {
            const user = me.json as unknown as User;
            const known = identity.state as SignedIn;
            const session = known.user?.id === user.id ? known.session : null;
            return identity.set({ status: 'signed-in', user, session });
        }
        mustBeOver(me);
        if (!hasTokens) return end(me.reason);
        drop(token, me.reason);
        return refresh();
    }

    return {
        /** Asks the server how things are. */
        look: () => looking ??= looked().finally(() => { looking = null; }),
        /**
         * Drops what is under way, since another tab has signed in or out: it was asked as who it was before, and the
         * answer of a refresh would put the cookie of then in the place of the new one.
         */
        halt() {
            wire.halt();
            return Promise.allSettled([looking, refreshing]);
        },
        hold, end, drop, adopt,

        /** The access token, a new one if need be; null where there is none. */
        async access(): Promise<string | null> {
            if (hasTokens && identity.state.user && !isGood()) await refresh();
            return held?.token ?? null;
        },

        /** Runs what changes who is signed in: one after the other, and no refresh beside it that may come later. */
        alone<T>(act: () => Promise<T>): Promise<T> {
            const done = busy.then(() => {
                wire.halt();
                return act();
            });
            busy = done.catch(() => {});
            return done;
        },
    };
}

export type Session = ReturnType<typeof createSession>;
