// Keyward's sessions for other app servers, `/v1/apps/{app}/sessions`, over HTTP.
import { placed, type Place } from './place.js';

/** What Keyward said, or that it did not. Express answers with its `status`. */
export class StoreError extends Error {
    override readonly name = 'StoreError';

    constructor(message: string, readonly status = 503, options?: ErrorOptions) {
        super(message, options);
    }
}

export type Data = Record<string, string>;

/** A session as it is listed or looked up. */
export interface Kept {
    id: string;
    user: string;
    data: Data;
    ttl: number;
    expires_at: string;
}

interface Page {
    sessions: Kept[];
    next_cursor?: string | null;
}

export interface AppSessionsOptions extends Place {
    /** Milliseconds to wait for an answer; then it is a 503. */
    timeout?: number;
}

interface Request {
    token?: string;
    body?: object;
}

const PAGE = 500;

export class AppSessions {
    #base: string;
    #authorization: string;
    #timeout: number;

    constructor({ timeout = 5000, ...place }: AppSessionsOptions) {
        const { url, app, secret } = placed('KeywardStore', place);
        this.#base = `${url.replace(/\/+$/, '')}/v1/apps/${encodeURIComponent(app)}/sessions`;
        this.#authorization = `Basic ${Buffer.from(`${app}:${secret}`).toString('base64')}`;
        this.#timeout = timeout;
    }

    create(wanted: object): Promise<{ token: string; id: string }> {
        return this.#need('POST', '', { body: wanted });
    }

    /** Changes what it names; `null` removes. `undefined` = the session is over. */
    change(token: string, body: Record<string, string | null>): Promise<Kept | undefined> {
        return this.#ask('PATCH', '/current/data', { token, body });
    }

    /** Begins its life anew. `undefined` = the session is over. */
    look(token: string): Promise<Kept | undefined> {
        return this.#ask('GET', '/current', { token });
    }

    of(user: string): Promise<Kept[]> {
        return this.all(`user=${encodeURIComponent(user)}&`);
    }

    /** All of the app, or those that `which` asks for. */
    async all(which = ''): Promise<Kept[]> {
        const all: Kept[] = [];
        for (let cursor = ''; ;) {
            const page = await this.#need<Page>('GET', `?${which}limit=${PAGE}${cursor}`);
            all.push(...page.sessions);
            if (!page.next_cursor) return all;
            cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
        }
    }

    async end(id: string): Promise<void> {
        await this.#need('DELETE', `/${encodeURIComponent(id)}`);
    }

    async endOf(user: string): Promise<void> {
        await this.#need('DELETE', `?user=${encodeURIComponent(user)}`);
    }

    async endAll(): Promise<void> {
        await this.#need('DELETE', '');
    }

    async #need<T>(method: string, path: string, request: Request = {}): Promise<T> {
        const answer = await this.#ask<T>(method, path, request);
        if (answer === undefined) throw new StoreError(`Keyward knows no ${this.#base}`);
        return answer;
    }

    async #ask<T>(method: string, path: string, { token, body }: Request): Promise<T | undefined> {
        const headers = new Headers({ authorization: this.#authorization });
        if (token !== undefined) headers.set('keyward-session', token);
        if (body) headers.set('content-type', 'application/json');
        const signal = AbortSignal.timeout(this.#timeout);
        const asked = { method, headers, signal, redirect: 'error' as const, ...(body && { body: JSON.stringify(body) }) };
        try {
            return await this.#read<T>(await fetch(this.#base + path, asked));
        } catch (cause) {
            throw cause instanceof StoreError ? cause : new StoreError('Keyward cannot be reached', 503, { cause });
        }
    }

    async #read<T>(answer: Response): Promise<T | undefined> {
        if (answer.ok) return (await answer.json()) as T;
        const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
        if (answer.status === 404) return undefined;
        // Data that does not fit is the app's fault; a secret that is wrong looks like a store that is away.
        const status = [400, 413].includes(answer.status) ? 500 : 503;
        throw new StoreError(`Keyward said ${answer.status}: ${problem.detail ?? ''}`, status);
    }
}
