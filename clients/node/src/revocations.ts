// What is refused, for how long that may be believed, and which identities are in use. A revocation that is taken in
// here ends those that it names before the next line of the stream is read.
import { SessionOver } from './identity.js';

/** An entry of the stream. */
export interface Entry {
    claim: string;
    value: string;
    /** Seconds since 1970; 0 = not refused any more. */
    until: number;
    reason?: string;
    /** Only tokens with an earlier `iat`. */
    issued_before?: number;
}

interface Refused {
    until: number;
    before: number;
    reason: string | undefined;
    /** Its place among all that was heard. */
    heard: number;
}

/** Whose tokens an entry may name. */
export interface Named {
    jti?: string;
    sid: string;
    sub: string;
    /** Unknown of a session cookie: what is heard after it was checked concerns it. */
    iat?: number;
    since: number;
}

export interface Watched extends Named {
    endsIn: number;
    end(over: SessionOver): void;
}

/** For so many seconds more an entry is kept that is over, in case the clock is set back. */
const KEPT = 300;
const SWEEP = 60_000;
/** The longest time that a timer takes. */
const LONGEST = 2 ** 31 - 1;

const seconds = () => Date.now() / 1000;

function keysOf({ jti, sid, sub }: Named): string[] {
    const keys = [`sid:${sid}`, `sub:${sub}`];
    return jti === undefined ? keys : [`jti:${jti}`, ...keys];
}

/** A token is over by this machine's clock as its entry is; a session cookie is not, whatever that clock says. */
const isInForce = ({ until }: Refused, iat: number | undefined) => until > (iat === undefined ? 0 : seconds());

const concerns = (entry: Refused, { iat, since }: Named) =>
    isInForce(entry, iat) && entry.heard > since && (iat === undefined || iat < entry.before);

const over = ({ before, reason }: Refused) =>
    before === Infinity ? new SessionOver('token_revoked', reason) : new SessionOver('token_outdated');

export class Revocations {
    #refused = new Map<string, Refused>();
    #arriving = new Map<string, Refused>();
    #watched = new Map<string, Set<Watched>>();
    #heard = 0;
    /** By a clock that nobody sets back. */
    #trustedUntil = -Infinity;
    #stale: NodeJS.Timeout | undefined;
    #sweep = setInterval(() => this.#forgetOld(), SWEEP).unref();

    /** Whether all that is revoked is known. */
    get isTrusted(): boolean {
        return performance.now() < this.#trustedUntil;
    }

    /** The place of what was heard last. */
    get heard(): number {
        return this.#heard;
    }

    /** How many identities are watched, once for each of their names. */
    get size(): number {
        return [...this.#watched.values()].reduce((sum, { size }) => sum + size, 0);
    }

    /** What refuses that token or session, if anything does. */
    refusal(named: Named): SessionOver | undefined {
        for (const key of keysOf(named)) {
            const entry = this.#refused.get(key);
            if (entry && concerns(entry, named)) return over(entry);
        }
        return undefined;
    }

    /** Ends it when it is over, which it may be already; returns what ends the watch. */
    watch(watched: Watched): () => void {
        const late = this.isTrusted ? this.refusal(watched) : new SessionOver('store_unavailable');
        if (late ?? watched.endsIn <= 0) {
            watched.end(late ?? new SessionOver('token_expired'));
            return () => {};
        }
        const end = () => watched.end(new SessionOver('token_expired'));
        const timer = setTimeout(end, Math.min(watched.endsIn, LONGEST)).unref();
        const keys = keysOf(watched);
        for (const key of keys) this.#of(key).add(watched);
        return () => {
            clearTimeout(timer);
            for (const key of keys) this.#leave(key, watched);
        };
    }

    /** One of the stream's events. Those that are not known are let be. */
    take(event: string, data: any): void {
        if (event === 'snapshot') this.#snapshot(data);
        else if (event === 'revoked' || event === 'restored') this.#take(data);
        else if (event === 'status') this.#trust(data.good_for * 1000);
    }

    close(): void {
        clearInterval(this.#sweep);
        this.#trust(0);
    }

    #of(key: string): Set<Watched> {
        const all = this.#watched.get(key) ?? new Set();
        this.#watched.set(key, all);
        return all;
    }

    #leave(key: string, watched: Watched): void {
        const all = this.#watched.get(key);
        if (all?.delete(watched) && !all.size) this.#watched.delete(key);
    }

    /** What cannot be read is no entry that could be left out: the caller begins anew. */
    #read({ claim, value, until, issued_before = Infinity, reason }: Entry): Refused {
        const isRead = typeof claim === 'string' && typeof value === 'string' && Number.isFinite(until);
        if (!isRead || typeof issued_before !== 'number') throw new TypeError('an entry that cannot be read');
        return { until, before: issued_before, reason, heard: ++this.#heard };
    }

    #take(entry: Entry): void {
        const key = `${entry.claim}:${entry.value}`;
        const refused = this.#read(entry);
        this.#refused.set(key, refused);
        this.#end(key, refused);
    }

    /** All there is takes the place of what was known, at once. What was known before was heard before. */
    #snapshot({ first, last, entries }: { first: boolean; last: boolean; entries: Entry[] }): void {
        if (first) this.#arriving = new Map();
        for (const entry of entries) {
            const key = `${entry.claim}:${entry.value}`;
            const known = this.#refused.get(key);
            const refused = this.#read(entry);
            const isOld = known?.until === refused.until && known.before === refused.before;
            this.#arriving.set(key, isOld ? known : refused);
        }
        if (!last) return;
        this.#refused = this.#arriving;
        this.#arriving = new Map();
        for (const [key, entry] of this.#refused) this.#end(key, entry);
    }

    #end(key: string, entry: Refused): void {
        for (const watched of [...(this.#watched.get(key) ?? [])]) {
            if (concerns(entry, watched)) watched.end(over(entry));
        }
    }

    /** From now on, and no longer: then all that is in use ends, for nobody can tell who is signed in. */
    #trust(milliseconds: number): void {
        this.#trustedUntil = performance.now() + milliseconds;
        clearTimeout(this.#stale);
        if (milliseconds > 0) this.#stale = setTimeout(() => this.#endAll(), Math.min(milliseconds, LONGEST)).unref();
        else this.#endAll();
    }

    #endAll(): void {
        // A timer may be early by a millisecond.
        this.#trustedUntil = -Infinity;
        const all = new Set([...this.#watched.values()].flatMap((some) => [...some]));
        for (const watched of all) watched.end(new SessionOver('store_unavailable'));
    }

    #forgetOld(): void {
        const old = seconds() - KEPT;
        for (const [key, { until }] of this.#refused) if (until < old) this.#refused.delete(key);
    }
}
