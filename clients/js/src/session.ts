// The session of this device: its access token, when that is renewed, and what ends it. Only Keyward's own 401 does.
import type { Watch } from './clock.js';
import { NotSignedIn, Unavailable } from './errors.js';
import { UNKNOWN, type Identity } from './identity.js';
import { ROUNDS, USED_UP, YOUNG } from './limits.js';
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

/** Throws unless the credential is none any more: what else is refused may be asked again later. */
function mustBeOver(answer: Answer) {
    if (answer.status === 401 && /^(token|refresh|session)_/.test(answer.code!)) return;
    throw new Unavailable(answer.detail, answer);
}

export function createSession(
    transport: Transport, wire: Wire, identity: Identity, kept: TokenStore, tabs: ReturnType<typeof createTabs>,
) {
    const hasTokens = transport !== 'session';
    let held: Held | null = null;
    /** Why the access token was refused, in case that the refresh is refused too. */
    let reason: string | null = null;
    let refreshing: Promise<void> | undefined;
    let looking: Promise<void> | undefined;
    let busy: Promise<unknown> = Promise.resolve();

    const isGood = (part = USED_UP) => held && held.age() < held.life * part;

    function hold({ json, age }: Answer) {
        const { access_token: token, expires_in: seconds } = json as { access_token?: string; expires_in: number };
        if (token) held = { token, age, life: seconds * 1000 };
    }

    function welcome(user: User, session: string | null) {
        reason = null;
        identity.set({ status: 'signed-in', user, session });
    }

    function end(why: string | null) {
        held = null;
        identity.set({ status: 'signed-out', user: null, reason: why });
    }

    /** Somebody refuses the token: another is needed. Says whether there is, or may be, one. */
    function drop(token: string | null): boolean {
        if (!held || held.token !== token) return true;
        if (held.age() < YOUNG) return false;
        held = null;
        return true;
    }

    /** Who it is now, by a token or a cookie. */
    const who = (token?: string) => wire.insist({ method: 'GET', path: '/v1/me', token });

    /** Takes up what a sign-in or a refresh has brought, unless it is too late. */
    async function adopt(answer: Answer): Promise<void> {
        const own = identity.guard();
        const { session_id: session, access_token } = answer.json as Record<string, string>;
        const known = identity.state as SignedIn;
        let { user } = known;
        if (known.session !== session) {
            const me = await who(access_token);
            // Just let in, and not known: a browser that takes no cookie from there, say.
            if (me.code) throw new Unavailable(me.detail, me);
            user = me.json as unknown as User;
        }
        own();
        hold(answer);
        welcome(user, session!);
    }

    /** False where what is kept has changed meanwhile. */
    async function round(): Promise<boolean> {
        const own = identity.guard();
        const given = await kept.read();
        own();
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
        else await adopt(answer);
        return true;
    }

    async function refreshed() {
        for (let rounds = ROUNDS; rounds--;) {
            const last = busy;
            await last;
            // Who signs in meanwhile goes first.
            if (await tabs.turn(async () => last === busy && round())) return;
        }
        throw new NotSignedIn();
    }

    /** One at a time, however many ask. */
    const refresh = () => refreshing ??= refreshed().finally(() => { refreshing = undefined; });

    async function looked() {
        if (hasTokens && !isGood()) return refresh();
        const own = identity.guard();
        const me = await who(held?.token);
        own();
        if (!me.code) {
            const user = me.json as unknown as User;
            const known = identity.state as SignedIn;
            const session = known.user?.id === user.id ? known.session : null;
            return welcome(user, session);
        }
        mustBeOver(me);
        if (!hasTokens) return end(me.reason ?? reason);
        held = null;
        reason = me.reason;
        return refresh();
    }

    /** Asks the server how things are. */
    const look = () => looking ??= looked().finally(() => { looking = undefined; });

    return {
        look,
        /**
         * Drops a refresh that is under way, since another tab has signed in or out: its answer would put the cookie of
         * before in the place of the new one. What the tab says of the reason counts where the server says nothing.
         */
        halt(why: string) {
            reason = why;
            wire.halt();
            return Promise.allSettled([looking, refreshing]);
        },
        hold, end, drop, adopt,

        /** The access token, a new one if need be, or else the one at hand; null where there is none. */
        async access(isAnyGood?: boolean): Promise<string | null> {
            if (isAnyGood) return held?.token ?? null;
            if (identity.state === UNKNOWN) await look();
            if (hasTokens && identity.state.user && !isGood()) {
                await refresh().catch((error) => {
                    // What is left of it serves until Keyward can be reached.
                    if (identity.state.user && !isGood(1)) throw error;
                });
            }
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
