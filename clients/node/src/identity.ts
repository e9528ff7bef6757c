// Who asks, and until when that holds.
import type { Revocations, Watched } from './revocations.js';

/** Why what an identity allowed is over. */
export class SessionOver extends Error {
    override readonly name = 'SessionOver';

    /**
     * `token_revoked` (with Keyward's `reason`, such as `logout`), `token_outdated` (other roles), `token_expired`, or
     * `store_unavailable` (nobody can tell any more).
     */
    constructor(
        readonly code: 'token_revoked' | 'token_outdated' | 'token_expired' | 'store_unavailable',
        readonly reason?: string,
    ) {
        super(code);
    }
}

/** What is known of who asks. */
export interface Facts {
    /** `sub`: the user's id, or `app:` and an app's name. */
    userId: string;
    /** The name at the time of sign-in; empty for an app. */
    username: string;
    sessionId: string;
    /** The app that was signed in to. */
    app: string;
    roles: readonly string[];
    /** `1` = one factor, `2` = two; as `amr` and `authTime` only of an access token. */
    acr?: string;
    /** RFC 8176. */
    amr?: readonly string[];
    /** When the user last proved who they are; seconds since 1970, as in the token. */
    authTime?: number;
    /** When the access token ends; seconds since 1970. */
    expiresAt?: number;
}

/** How an identity is told apart among revocations. */
export interface Marks {
    jti?: string;
    iat?: number;
    /** Revocations up to this one are known not to concern it. */
    since: number;
    /** When it is over by itself; milliseconds from now. */
    endsIn: number;
    /** Its signal aborts when the client goes; some servers make it when it is first looked at. */
    gone: { readonly signal?: AbortSignal | undefined };
}

export interface Identity extends Facts {}

/** Costs nothing beyond its fields until `signal` or `whenOver` is used. */
export class Identity {
    #revocations: Revocations;
    #marks: Marks;
    #controller: AbortController | undefined;
    #release: (() => void) | undefined;
    #isReleased = false;

    constructor(facts: Facts, marks: Marks, revocations: Revocations) {
        // A token's are remembered with it, for the requests to come.
        Object.freeze(facts.roles);
        Object.freeze(facts.amr);
        Object.assign(this, facts);
        this.#marks = marks;
        this.#revocations = revocations;
    }

    hasRole(role: string): boolean {
        return this.roles.includes(role);
    }

    /**
     * Aborts, with a `SessionOver`, when the session ends, the account is disabled, the roles change, the token expires,
     * or nobody can tell any more. It may be aborted already when you first look.
     */
    get signal(): AbortSignal {
        this.#controller ??= this.#watch(new AbortController());
        return this.#controller.signal;
    }

    /** Runs `close` once that is so; at once where it is so already. */
    whenOver(close: (over: SessionOver) => void): void {
        const { signal } = this;
        const run = () => close(signal.reason as SessionOver);
        if (signal.aborted) run();
        else signal.addEventListener('abort', run, { once: true });
    }

    /** The request is done: its `signal` will not abort any more. The skins call it. */
    release(): void {
        this.#isReleased = true;
        this.#release?.();
    }

    #watch(controller: AbortController): AbortController {
        const { gone: asked, ...marks } = this.#marks;
        const watched: Watched = {
            ...marks, sid: this.sessionId, sub: this.userId,
            end: (over) => {
                this.release();
                controller.abort(over);
            },
        };
        const forget = this.#revocations.watch(watched);
        if (controller.signal.aborted) return controller;
        const gone = asked.signal;
        const release = () => {
            forget();
            gone?.removeEventListener('abort', release);
        };
        // Who looks when the client has gone already would be watched to the end of the token.
        if (this.#isReleased || gone?.aborted) forget();
        else gone?.addEventListener('abort', release, { once: true });
        this.#release = release;
        return controller;
    }
}
