// How Keyward is asked, and how its answers are told from those of whoever else is on the way.
import { startWatch, type Watch } from './clock.js';
import { Unavailable } from './errors.js';
import { LONGEST, PATIENCE, TIMEOUT, TRIES } from './limits.js';
import type { Options } from './types.js';

export type Json = Readonly<Record<string, unknown>>;

/** What Keyward itself has answered: what was asked for, or a problem, which has a code. */
export interface Answer {
    status: number;
    json: Json;
    code: string | null;
    reason: string | null;
    detail: string;
    challenge: string | null;
    /** Since it was asked for. */
    age: Watch;
}

export interface Question {
    method: string;
    path: string;
    body?: object | undefined;
    token?: string | null | undefined;
    /** Of a sign-in, and false of a refresh: both take a DPoP proof, if there is a key to make it by. */
    isSignIn?: boolean;
}

/** What an answer of Keyward has, unlike that of a captive portal. That of a sign-out has nothing at all. */
const MEMBERS: Readonly<Record<string, string>> = {
    'GET/v1/me': 'username',
    'POST/v1/logout': '',
    'POST/v1/logout/all': 'ended',
    'POST/v1/step-up': 'acr',
};

export function parsed(body: string): Json | null {
    try {
        return Object(JSON.parse(body));
    } catch {
        return null;
    }
}

/**
 * In how many seconds to come back: a number, or a date (RFC 9110, 10.2.3), which counts from that of the answer, since
 * the device's clock may be wrong. Null where that says nothing of use.
 */
function retryAfterOf(headers: Headers): number | null {
    const dateOf = (name: string) => Date.parse(headers.get(name)!);
    const seconds = +headers.get('retry-after')! || (dateOf('retry-after') - (dateOf('date') || Date.now())) / 1000;
    return seconds > 0 ? Math.min(seconds, LONGEST) : null;
}

export function createWire({ baseUrl = '', transport, dpop, ...options }: Options) {
    let error = new Unavailable();
    let failures = 0;
    let sinceFailed = startWatch();
    /** Since it failed, in milliseconds. */
    let pause = 0;
    let halts = 0;
    let stopRefresh = () => {};

    /** The global one is looked up at each call: tests and tools put another in its place. */
    const fetched: typeof fetch = (input, init) => (options.fetch ?? fetch)(input, init);

    const url = (path: string) => new URL(baseUrl.replace(/\/+$/, '') + path, globalThis.location?.href).href;

    async function exchange({ method, path, body, token, isSignIn }: Question) {
        const stop = new AbortController();
        const halt = () => stop.abort();
        const timer = setTimeout(halt, TIMEOUT);
        if (isSignIn === false) stopRefresh = halt;
        const init = {
            method,
            headers: {
                ...(body && { 'content-type': 'application/json' }),
                ...(token && { authorization: `Bearer ${token}` }),
            },
            body: body ? JSON.stringify(body) : null,
            credentials: transport === 'body' ? 'omit' : 'include',
            // Keyward never redirects: whoever does is somebody else.
            redirect: 'error',
            signal: stop.signal,
        } as const;
        try {
            const answer = await (dpop && isSignIn !== undefined
                ? dpop.send(fetched, url(path), init, isSignIn)
                : fetched(url(path), init));
            return [answer, await answer.text()] as const;
        } catch (error) {
            throw new Unavailable(error as string);
        } finally {
            clearTimeout(timer);
        }
    }

    /** Asks once. Throws `Unavailable` for all that is no word of Keyward's about what was asked. */
    async function ask(question: Question): Promise<Answer> {
        const age = startWatch();
        const [{ status, ok, headers }, said] = await exchange(question);
        const found = parsed(said);
        const json = found ?? {};
        const { type, code: word, reason = null, detail = '' } = json as Record<string, string>;
        const code = type === `urn:keyward:problem:${word}` && word || null;
        const member = question.isSignIn === undefined ? MEMBERS[question.method + question.path] : 'session_id';
        const isSuccess = member ? member in json : said ? member !== '' && found : status > 200;
        const isWord = ok ? isSuccess : code && status < 500 && status !== 429;
        if (!isWord) throw new Unavailable(detail, { status, code, retryAfter: retryAfterOf(headers) });
        return { status, json, code, reason, detail, challenge: headers.get('www-authenticate'), age };
    }

    /** Asks again where it was no use, with back-off; for what may be asked twice. */
    async function insist(question: Question): Promise<Answer> {
        const before = halts;
        for (let tries = failures < TRIES ? TRIES : 1; ;) {
            const wait = pause - sinceFailed();
            if (wait > PATIENCE) throw Object.assign(error, { retryAfter: wait / 1000 });
            if (wait > 0) await new Promise((go) => setTimeout(go, wait));
            if (question.isSignIn === false && before !== halts) throw error;
            try {
                const answer = await ask(question);
                failures = pause = 0;
                return answer;
            } catch (thrown) {
                error = thrown as Unavailable;
                sinceFailed = startWatch();
                // Spread, so that not all come back at one moment.
                const least = Math.min(200 * 2 ** failures++, 3_000);
                pause = Math.max(error.retryAfter! * 1000, least) * (1 + Math.random() / 4);
                if (!--tries) throw error;
            }
        }
    }

    /** A refresh that is under way comes to nothing. */
    function halt() {
        halts++;
        stopRefresh();
    }

    return { ask, insist, halt, fetched, url };
}

export type Wire = ReturnType<typeof createWire>;
