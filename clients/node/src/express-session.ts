// A store for express-session that keeps its sessions in Keyward. A session that has ended never comes back by a late
// save, and two requests that save at once lose nothing of each other's, key by key.
import type { Request } from 'express';
import session, { type SessionData } from 'express-session';
import { createHash } from 'node:crypto';
import { AppSessions, type AppSessionsOptions, type Data, type Kept } from './sessions.js';

export { StoreError } from './sessions.js';

type Done<T = void> = (error?: any, value?: T) => void;

export interface KeywardStoreOptions extends AppSessionsOptions {
    /** Seconds without a request after which a session ends whose cookie says nothing. */
    ttl?: number;
    /** Whose session it is, once somebody has signed in. */
    userOf?: (session: SessionData) => string | undefined;
}

/** What is known of a session that is kept. */
interface Record {
    id: string;
    token: string;
    ttl: number;
    /** Each of its keys as JSON. */
    data: Data;
    user: string | undefined;
    /** When it was last written down as its user's; seconds since 1970. */
    marked: number;
}

type Changes = globalThis.Record<string, string | null>;

/** Keyward's shortest and longest life, in seconds. */
const TTL_MIN = 10;
const TTL_MAX = 315_360_000;
const DAY = 86_400;
/** Before the keys of the app's own. */
const OWN = 's.';

const seconds = () => Math.floor(Date.now() / 1000);
/** A stolen database tells no session's id. */
const nameOf = (sid: string) => `sid:${createHash('sha256').update(sid).digest('base64url')}`;
const markOf = (user: string) => `user:${user}`;

function userIn({ userId, user, passport }: any): string | undefined {
    const id = userId ?? user?.id ?? passport?.user;
    return ['string', 'number'].includes(typeof id) ? String(id) : undefined;
}

function recordOf({ id, ttl, data }: Kept): Record {
    const { token = '', user, marked, ...kept } = data;
    return { id, token, ttl, data: kept, user, marked: Number(marked ?? 0) };
}

/** Each key as JSON, so that its values may be anything that JSON can say. */
function dataOf(given: SessionData): Data {
    const plain = JSON.parse(JSON.stringify(given)) as object;
    return Object.fromEntries(Object.entries(plain).map(([key, value]) => [OWN + key, JSON.stringify(value)]));
}

function sessionOf({ data }: Record): SessionData {
    const own = Object.entries(data).filter(([key]) => key.startsWith(OWN));
    return Object.fromEntries(own.map(([key, text]) => [key.slice(OWN.length), JSON.parse(text)])) as unknown as SessionData;
}

/** What makes the data of before those of now. */
function changesOf(before: Data, now: Data): Changes {
    const removed = Object.keys(before).filter((key) => !(key in now)).map((key) => [key, null]);
    return Object.fromEntries([...removed, ...Object.entries(now).filter(([key, text]) => before[key] !== text)]);
}

function changed(data: Data, changes: Changes): Data {
    const now = Object.entries({ ...data, ...changes });
    return Object.fromEntries(now.filter((entry): entry is [string, string] => entry[1] !== null));
}

const addressOf = ({ req }: any): string => req?.ip ?? req?.socket?.remoteAddress ?? '::';

function answer<T>(work: Promise<T>, done: Done<T> = () => {}): void {
    // What `done` throws is its caller's.
    work.then((value) => setImmediate(done, null, value), (error) => setImmediate(done, error));
}

export class KeywardStore extends session.Store {
    #sessions: AppSessions;
    #ttl: number;
    #userOf: (session: SessionData) => string | undefined;
    /** As what each session was read, so that a save writes what has changed since. */
    #read = new WeakMap<object, Record>();

    constructor({ ttl = DAY, userOf = userIn, ...place }: KeywardStoreOptions) {
        super();
        this.#sessions = new AppSessions(place);
        this.#ttl = ttl;
        this.#userOf = userOf;
    }

    get(sid: string, done: Done<SessionData | null>): void {
        answer(this.#get(sid), done);
    }

    set(sid: string, given: SessionData, done?: Done): void {
        answer(this.#set(sid, given), done);
    }

    /** A session that has ended stays ended. */
    touch(sid: string, given: SessionData, done?: Done): void {
        answer(this.#touch(sid, given), done);
    }

    destroy(sid: string, done?: Done): void {
        answer(this.#sessions.endOf(nameOf(sid)), done);
    }

    all(done: Done<SessionData[]>): void {
        answer(this.#all(), done);
    }

    length(done: Done<number>): void {
        answer(this.#all().then(({ length }) => length), done);
    }

    clear(done?: Done): void {
        answer(this.#sessions.endAll(), done);
    }

    /** The sessions of a user, wherever they signed in. */
    async sessionsOf(user: string): Promise<SessionData[]> {
        return (await this.#recordsOf(user)).map(sessionOf);
    }

    /** Signs a user out everywhere, but for the session `keep`; returns how many sessions ended. */
    async endSessionsOf(user: string, keep?: string): Promise<number> {
        const kept = keep === undefined ? undefined : (await this.#find(keep))?.id;
        const over = (await this.#recordsOf(user)).filter(({ id }) => id !== kept);
        await Promise.all(over.map(({ id }) => this.#sessions.end(id)));
        return over.length;
    }

    override createSession(request: Request, given: SessionData): session.Session & SessionData {
        const record = this.#read.get(given);
        const made = super.createSession(request, given);
        if (record) this.#read.set(made, record);
        return made;
    }

    async #find(sid: string): Promise<Record | undefined> {
        const all = (await this.#sessions.of(nameOf(sid))).map(recordOf);
        // One that was made and not finished has no token.
        return all.find(({ token }) => token !== '');
    }

    async #get(sid: string): Promise<SessionData | null> {
        const record = await this.#find(sid);
        if (!record) return null;
        const given = sessionOf(record);
        this.#read.set(given, record);
        return given;
    }

    async #set(sid: string, given: SessionData): Promise<void> {
        const data = dataOf(given);
        const read = this.#read.get(given) ?? (await this.#find(sid));
        const user = this.#userOf(given);
        const ttl = this.#ttlOf(given);
        const changes = changesOf(read?.data ?? {}, data);
        const known = read && (await this.#change(sid, read, changes));
        if (read && !known) return;
        const isKept = known && read.ttl === ttl;
        const record = isKept ? known : await this.#create(sid, given, { ttl, data: changed(known?.data ?? {}, changes) });
        // Its life cannot be changed: another takes its place.
        if (known && known.id !== record.id) await this.#sessions.end(known.id);
        // As this request knows it, so that its next save is of what it changes by then.
        this.#read.set(given, { ...(await this.#mark(sid, record, user)), data, ttl });
    }

    /** Returns what was changed: that record, or the one that took its place meanwhile; `undefined` = it is over. */
    async #change(sid: string, record: Record, changes: Changes): Promise<Record | undefined> {
        if (await this.#sessions.change(record.token, changes)) return record;
        const next = await this.#find(sid);
        return next && (await this.#sessions.change(next.token, changes)) ? next : undefined;
    }

    async #create(sid: string, given: SessionData, { ttl, data }: Pick<Record, 'ttl' | 'data'>): Promise<Record> {
        const wanted = { user: nameOf(sid), ip: addressOf(given), ttl, data };
        const { id, token } = await this.#sessions.create(wanted);
        // Without its token nobody could write to it.
        await this.#sessions.change(token, { token });
        return { id, token, ttl, data, user: undefined, marked: 0 };
    }

    /** Writes down whose it is, in time before what was written before is over. */
    async #mark(sid: string, record: Record, user: string | undefined): Promise<Record> {
        const marked = seconds();
        if (user === undefined) {
            if (record.user !== undefined) await this.#sessions.change(record.token, { user: null, marked: null });
            return { ...record, user, marked: 0 };
        }
        if (record.user === user && marked - record.marked < record.ttl) return record;
        const data = { of: nameOf(sid) };
        const ttl = Math.min(3 * record.ttl, TTL_MAX);
        await this.#sessions.create({ user: markOf(user), ip: '::', ttl, sliding: false, data });
        await this.#sessions.change(record.token, { user, marked: String(marked) });
        return { ...record, user, marked };
    }

    async #touch(sid: string, given: SessionData): Promise<void> {
        const record = this.#read.get(given) ?? (await this.#find(sid));
        if (record && (await this.#sessions.look(record.token))) await this.#mark(sid, record, this.#userOf(given));
    }

    #ttlOf({ cookie }: SessionData): number {
        const age = cookie?.originalMaxAge;
        return Math.min(TTL_MAX, Math.max(TTL_MIN, typeof age === 'number' ? Math.ceil(age / 1000) : this.#ttl));
    }

    async #all(): Promise<SessionData[]> {
        const all = await this.#sessions.all();
        return all.filter(({ user }) => user.startsWith('sid:')).map((kept) => sessionOf(recordOf(kept)));
    }

    async #recordsOf(user: string): Promise<Record[]> {
        const marks = await this.#sessions.of(markOf(user));
        const names = new Set(marks.map(({ data }) => data.of ?? ''));
        const found = await Promise.all([...names].map((name) => this.#sessions.of(name)));
        return found.flat().map(recordOf).filter((record) => record.user === user);
    }
}
