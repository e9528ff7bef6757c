// Keyward's public keys, fetched from its one address. Nothing in a token's header says where from, and a flood of
// unknown key ids fetches no more than one of them.
import { createLocalJWKSet, errors, type CompactVerifyGetKey, type JSONWebKeySet } from 'jose';
import { Trouble } from './trouble.js';

/** As long as Keyward's own answer may be cached; a new key is published for longer before it signs. */
const FRESH = 300_000;
/** Keys of this age still serve while they are fetched anew, so that no request waits and a short outage is none. */
const RENEWED = 240_000;
/** Between two fetches for key ids that are not known. */
const UNKNOWN_PAUSE = 5000;
/** Between two fetches that failed. */
const FAILED_PAUSE = 1000;
const PATIENCE = 5000;

type Resolve = ReturnType<typeof createLocalJWKSet>;

/** Whose the keys are cannot be told now. */
export class KeysAway extends Error {}

export class Keys {
    #resolve: Resolve | undefined;
    #text = '';
    #fetchedAt = -Infinity;
    #askedAt = -Infinity;
    #asking: Promise<void> | undefined;

    #trouble: Trouble;

    /** `changed` hears of each change of keys. */
    constructor(readonly url: string, readonly changed: () => void, onError: (error: Error) => void) {
        this.#trouble = new Trouble(`the keys of ${url} cannot be fetched`, onError);
    }

    /** Makes sure that the keys are those of now. */
    async refresh(): Promise<void> {
        const age = performance.now() - this.#fetchedAt;
        if (age < RENEWED) return;
        const isPause = !this.#asking && performance.now() - this.#askedAt < FAILED_PAUSE;
        if (age < FRESH) return isPause ? undefined : void this.#ask().catch(() => {});
        if (isPause) throw new KeysAway();
        await this.#ask();
    }

    readonly find: CompactVerifyGetKey = async (header, token) => {
        try {
            return await this.#known(header, token);
        } catch (error) {
            if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
            if (!this.#asking && performance.now() - this.#askedAt < UNKNOWN_PAUSE) throw this.#isAway ? new KeysAway() : error;
        }
        await this.#ask();
        return this.#known(header, token);
    };

    #known: CompactVerifyGetKey = (header, token) => {
        if (!this.#resolve) throw new KeysAway();
        return this.#resolve(header, token);
    };

    /** Whether they could not be fetched when that was last tried: then nobody knows whose an unknown one is. */
    get #isAway(): boolean {
        return this.#fetchedAt < this.#askedAt;
    }

    /** One at a time, for all who wait. */
    #ask(): Promise<void> {
        if (this.#asking) return this.#asking;
        this.#askedAt = performance.now();
        this.#asking = this.#fetch().finally(() => { this.#asking = undefined; });
        return this.#asking;
    }

    async #fetch(): Promise<void> {
        try {
            const answer = await fetch(this.url, { redirect: 'error', cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
            if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
            this.#take(await answer.text());
        } catch (cause) {
            this.#trouble.is(cause);
            throw new KeysAway('the keys cannot be fetched', { cause });
        }
    }

    #take(text: string): void {
        if (text !== this.#text) {
            const set = JSON.parse(text) as JSONWebKeySet;
            // Keyward is never without.
            if (!set.keys.length) throw new Error('there is none');
            this.#resolve = createLocalJWKSet(set);
            this.#text = text;
            this.changed();
        }
        this.#fetchedAt = performance.now();
    }
}
