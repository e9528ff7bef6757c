// Who asks? One question, two ways to answer it: Keyward's check, or its tokens and revocations.
import { Check } from './check.js';
import { Identity } from './identity.js';
import { Local } from './local.js';
import { isAddress, placed } from './place.js';
import { refuse } from './refusal.js';
import { bearerOf, checked, cookieOf, type Asked, type Client, type Rules } from './request.js';
import { Revocations } from './revocations.js';
import { RevocationStream, type Source } from './stream.js';
import { Tokens } from './tokens.js';

export interface VerifierOptions {
    /** Where Keyward is reached. */
    url: string | undefined;
    /** A confidential app, which may follow the revocations. */
    app: string;
    secret: string | undefined;
    /** `check` asks Keyward with each request; `local` decides by tokens, keys and revocations alone. */
    mode?: 'check' | 'local';
    /** The check, where it is on a listener of its own; `/v1/check` at `url` if not given. */
    checkUrl?: string;
    /** Keyward's `server.public_url`, where that is not `url`. */
    issuer?: string;
    /** Keyward's `tokens.audience`. */
    audience?: string;
    /** Those that tokens may be signed with. */
    algorithms?: ('ES256' | 'EdDSA' | 'RS256')[];
    /** Milliseconds to wait for the check; then it is 503. */
    timeout?: number;
    /** Milliseconds after which the `signal` of a session cookie's identity aborts at the latest. */
    cookieLife?: number;
    /** Hears why Keyward cannot be asked or followed, each reason once a minute; standard error if not given. */
    onError?: (error: Error) => void;
}

/** How long the first requests wait for the first word of the revocations. */
const FIRST_WORD = 2000;

const toStandardError = (error: Error) => console.error(`keyward: ${error.message}`);

/** On the check's own listener every path is the check, but at this one alone are rules read. */
function isOfTheCheck(checkUrl: string): void {
    isAddress('createVerifier', 'checkUrl', checkUrl);
    if (!new URL(checkUrl).pathname.endsWith('/v1/check')) {
        throw new TypeError(`keyward: createVerifier needs \`checkUrl\` to end in /v1/check, and it is ${checkUrl}`);
    }
}

/** That nothing is missing, or of another kind. */
function complete(options: VerifierOptions): VerifierOptions {
    const { checkUrl, mode = 'check' } = options;
    placed('createVerifier', options);
    if (checkUrl !== undefined) isOfTheCheck(checkUrl);
    if (mode !== 'check' && mode !== 'local') throw new TypeError("keyward: createVerifier's `mode` is 'check' or 'local'");
    return options;
}

export class Verifier {
    #options: VerifierOptions;
    #isLocal: boolean;
    #source: Source;
    #revocations = new Revocations();
    #stream: RevocationStream | undefined;
    #settled: Promise<unknown> | undefined;
    #isSettled = false;
    #check: Check;
    #local: Local;

    /** What is missing is told at the first use: where an app is built, its settings may not be known yet. */
    constructor(options: VerifierOptions) {
        this.#options = options;
        const { app, secret = '', mode = 'check', onError = toStandardError } = options;
        const url = (options.url ?? '').replace(/\/+$/, '');
        const { checkUrl = `${url}/v1/check`, timeout = 5000, cookieLife = 900_000 } = options;
        const { issuer = url, audience = 'keyward', algorithms = ['ES256', 'EdDSA', 'RS256'] } = options;
        this.#isLocal = mode === 'local';
        this.#source = { url, app, secret, onError };
        this.#check = new Check({ checkUrl, timeout, cookieLife, onError }, this.#revocations);
        const tokens = new Tokens({ url, issuer, audience, algorithms, onError });
        this.#local = new Local(tokens, this.#revocations);
    }

    /** Whether all that is revoked is known: until then, and when not any more, `local` answers 503. */
    get isTrusted(): boolean {
        return this.#revocations.isTrusted;
    }

    /** How many entries are held for identities whose `signal` is in use. */
    get watched(): number {
        return this.#revocations.size;
    }

    /** Begins to follow the revocations, which the first request does otherwise; waits at most two seconds. */
    async ready(): Promise<this> {
        this.#settled ??= this.#begin();
        await this.#settled;
        return this;
    }

    /** Who asks, or what to answer in place of what was asked for. */
    async verify(asked: Asked, rules: Rules = {}, client: Client = {}): Promise<Identity | Response> {
        checked(rules);
        if (!this.#isSettled) await this.ready();
        // A session cookie says nothing by itself: that is for Keyward to look up, in either mode.
        if (!this.#isLocal || (cookieOf(asked) !== undefined && bearerOf(asked) === undefined)) {
            return this.#check.decide(asked, rules, client);
        }
        const token = bearerOf(asked);
        if (token === undefined) return refuse('token_missing');
        return token === null ? refuse('token_invalid') : this.#local.decide(token, asked, rules);
    }

    /** Ends the stream, and with it the signals of all identities. */
    close(): void {
        this.#stream?.close();
        this.#revocations.close();
    }

    async #begin(): Promise<void> {
        complete(this.#options);
        this.#stream = new RevocationStream(this.#source, this.#revocations);
        let timer: NodeJS.Timeout | undefined;
        const late = new Promise((done) => { timer = setTimeout(done, FIRST_WORD); });
        await Promise.race([this.#stream.settled, late]);
        clearTimeout(timer);
        this.#isSettled = true;
    }
}

/** Asks nothing until it is used. One is enough for a process. */
export function createVerifier(options: VerifierOptions): Verifier {
    return new Verifier(complete(options));
}
