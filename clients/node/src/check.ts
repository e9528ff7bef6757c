// Asks Keyward about each request, as a gateway does.
import { askCheck, type Said } from './asking.js';
import { Identity, type Facts, type Marks } from './identity.js';
import { passedOn, refuse } from './refusal.js';
import { bearerOf, cookieOf, rolesOf, type Asked, type Client, type Rules } from './request.js';
import type { Revocations } from './revocations.js';
import { Trouble } from './trouble.js';
import { claimsOf, type Claims } from './tokens.js';
import { factsOf } from './local.js';

export interface CheckRules {
    checkUrl: string;
    /** Milliseconds after which an answer does not come any more. */
    timeout: number;
    /** Milliseconds for which an identity of a session cookie is good without another request. */
    cookieLife: number;
    onError: (error: Error) => void;
}

/** What of a request decides; a page of another site is told by the last two. */
const FORWARDED = ['authorization', 'origin', 'sec-fetch-site'];
const OF_THE_CHECK = new Set([401, 403, 429, 503]);
/** A server need not read longer headers; what it does not read is no credential. */
const READ_BY_ALL = 4096;

/** What a token says of itself. Only for tokens that Keyward has just said are good. */
function claimsIn(token: string): Claims | undefined {
    try {
        const text = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'));
        const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
        return claimsOf(JSON.parse(new TextDecoder().decode(bytes)));
    } catch {
        return undefined;
    }
}

function headersFor(asked: Asked, { address }: Client): Record<string, string> {
    // A page that opens a WebSocket may do anything with it: it must be of an allowed origin, as if it posted.
    const isSocket = /^websocket$/i.test(asked.headers.get('upgrade') ?? '');
    const headers: Record<string, string> = { 'x-forwarded-method': isSocket ? 'POST' : asked.method };
    for (const name of FORWARDED) {
        const value = asked.headers.get(name);
        if (value !== null) headers[name] = value;
    }
    const cookie = cookieOf(asked);
    if (cookie !== undefined) headers['cookie'] = cookie;
    if (address !== undefined) headers['x-forwarded-for'] = address;
    return headers;
}

function isLong(asked: Asked): boolean {
    return (asked.headers.get('authorization') ?? '').length + (cookieOf(asked) ?? '').length > READ_BY_ALL;
}

function factsIn(headers: Said['headers']): Facts {
    const said = (name: string) => String(headers[`x-auth-${name}`] ?? '');
    return {
        userId: said('user'), username: decodeURIComponent(said('username')), sessionId: said('session'),
        app: said('app'), roles: said('roles').split(',').filter(Boolean),
    };
}

export class Check {
    #trouble: Trouble;

    constructor(readonly rules: CheckRules, readonly revocations: Revocations) {
        this.#trouble = new Trouble(`the check at ${rules.checkUrl} cannot be asked`, rules.onError);
    }

    async decide(asked: Asked, rules: Rules, client: Client): Promise<Identity | Response> {
        // What is heard from now on is news; what was heard before, the check knows.
        const since = this.revocations.heard;
        try {
            return this.#understand(await this.#ask(asked, rules, client), asked, since);
        } catch (error) {
            this.#trouble.is(error);
            return refuse('store_unavailable');
        }
    }

    /** Whatever is not said by Keyward's check says nothing of who asks. */
    #understand(said: Said, asked: Asked, since: number): Identity | Response {
        if (said.status === 200) return this.#admit(said, asked, since);
        if (OF_THE_CHECK.has(said.status) && said.headers['x-auth-reason']) return passedOn(said);
        if ((said.status === 431 || said.status === 400) && isLong(asked)) return refuse('token_invalid');
        throw new Error(`HTTP ${said.status}, which is not from Keyward's check`);
    }

    async #ask(asked: Asked, rules: Rules, client: Client): Promise<Said> {
        const url = new URL(this.rules.checkUrl);
        for (const role of rolesOf(rules)) url.searchParams.append('role', role);
        if (rules.acr !== undefined) url.searchParams.set('acr', rules.acr);
        if (rules.maxAge !== undefined) url.searchParams.set('max_age', String(rules.maxAge));
        return askCheck(url, headersFor(asked, client), this.rules.timeout);
    }

    #admit(said: Said, asked: Asked, since: number): Identity {
        const facts = factsIn(said.headers);
        if (!facts.userId || !facts.sessionId) throw new Error("HTTP 200, which is not from Keyward's check");
        const claims = claimsIn(bearerOf(asked) ?? '');
        const isItsToken = claims?.sub === facts.userId && claims.sid === facts.sessionId;
        if (!isItsToken) {
            const marks = { since, endsIn: this.rules.cookieLife, gone: asked };
            return new Identity(facts, marks, this.revocations);
        }
        const marks: Marks = {
            jti: claims.jti, iat: claims.iat, since, endsIn: claims.exp * 1000 - Date.now(), gone: asked,
        };
        return new Identity({ ...factsOf(claims), ...facts }, marks, this.revocations);
    }
}
