// Keyward's public keys, fetched from its one address. Nothing in a token's header says where from, and a flood of
// unknown key ids fetches no more than one of them.
import { createLocalJWKSet, errors, type CompactVerifyGetKey, type JSONWebKeySet } from 'jose';

/** As long as Keyward's own answer may be cached; a new key is published for longer before it signs. */
const FRESH = 300_000;
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

    /** `changed` hears of each change of keys. */
    constructor(readonly url: string, readonly changed: () => void) {}

    /** Makes sure that the keys are those of now. */
    async refresh(): Promise<void> {
        if (performance.now() - this.#fetchedAt < FRESH) return;
        if (!this.#asking && performance.now() - this.#askedAt < FAILED_PAUSE) throw new KeysAway();
        await this.#ask();
    }

    readonly find: CompactVerifyGetKey = async (header, token) => {
        try {
            return await this.#known(header, token);
        } catch (error) {
            const isUnknown = error instanceof errors.JWKSNoMatchingKey;
            if (!isUnknown || performance.now() - this.#askedAt < UNKNOWN_PAUSE) throw error;
        }
        await this.#ask();
        return this.#known(header, token);
    };

    #known: CompactVerifyGetKey = (header, token) => {
        if (!this.#resolve) throw new KeysAway();
        return this.#resolve(header, token);
    };

    /** One at a time, for all who wait. */
    #ask(): Promise<void> {
        this.#askedAt = performance.now();
        this.#asking ??= this.#fetch().finally(() => { this.#asking = undefined; });
        return this.#asking;
    }

    async #fetch(): Promise<void> {
        try {
            const answer = await fetch(this.url, { redirect: 'error', cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
            if (!answer.ok) throw new Error(`HTTP ${answer.status} from ${this.url}`);
            this.#take(await answer.text());
        } catch (cause) {
            throw new KeysAway('the keys cannot be fetched', { cause });
        }
    }

    #take(text: string): void {
        if (text !== this.#text) {
            this.#resolve = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
            this.#text = text;
            this.changed();
        }
        this.#fetchedAt = performance.now();
    }
}
