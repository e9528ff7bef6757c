// Follows Keyward's revocations for as long as the process lives: one stream, however many requests there are.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Revocations } from './revocations.js';
import { Trouble } from './trouble.js';

/** Several heartbeats: a stream that is silent for so long is dead. */
const SILENCE = 4000;
/** Before the first try after a failure; doubled with each, up to the longest. */
const PAUSE = 250;
const LONGEST_PAUSE = 2000;
/** No event is as long as that. */
const EVENT_MAX = 4_000_000;

/** Where the stream is, and who asks. */
export interface Source {
    url: string;
    app: string;
    secret: string;
    onError: (error: Error) => void;
}

/** The fields of a Server-Sent Event. */
function fieldsOf(lines: string): Map<string, string> {
    const fields = new Map<string, string>();
    for (const line of lines.split('\n')) {
        const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        fields.set(name, name === 'data' && fields.has(name) ? `${fields.get(name)}\n${value}` : value);
    }
    return fields;
}

export class RevocationStream {
    #lastId = '';
    #failures = 0;
    #over = new AbortController();
    #trouble: Trouble;
    #settle!: () => void;
    /** Once the first attempt has led somewhere. */
    readonly settled = new Promise<void>((settle) => { this.#settle = settle; });

    constructor(readonly source: Source, readonly revocations: Revocations) {
        this.#trouble = new Trouble('the revocations cannot be followed', source.onError);
        void this.#followForEver();
    }

    close(): void {
        this.#over.abort();
    }

    async #followForEver(): Promise<void> {
        while (!this.#over.signal.aborted) {
            const error = await this.#follow().then(() => new Error('the stream has ended'), (error) => error);
            if (this.#over.signal.aborted) break;
            this.#settle();
            this.#failures++;
            this.#trouble.is(error);
            await this.#pause();
        }
        this.#settle();
    }

    #pause(): Promise<void> {
        const pause = Math.min(PAUSE * 2 ** (this.#failures - 1), LONGEST_PAUSE) * (0.5 + Math.random());
        // Leaves no listener behind: an outage may be long.
        return sleep(pause, undefined, { signal: this.#over.signal }).catch(() => {});
    }

    async #follow(): Promise<void> {
        const silence = new AbortController();
        const alarm = setTimeout(() => silence.abort(new Error('the stream is silent')), SILENCE);
        try {
            const signal = AbortSignal.any([silence.signal, this.#over.signal]);
            await this.#read(await this.#open(signal), () => alarm.refresh());
        } finally {
            clearTimeout(alarm);
        }
    }

    async #open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
        const { url, app, secret } = this.source;
        const bytes = new TextEncoder().encode(`${app}:${secret}`);
        const headers = new Headers({ authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` });
        if (this.#lastId) headers.set('last-event-id', this.#lastId);
        const answer = await fetch(`${url}/v1/revocations`, { headers, signal, redirect: 'error', cache: 'no-store' });
        const what = `HTTP ${answer.status} from ${url}/v1/revocations`;
        if (answer.status === 401) throw new Error(`${what}: it takes the name and the secret of a confidential app`);
        const isStream = /^text\/event-stream/i.test(answer.headers.get('content-type') ?? '');
        if (answer.status !== 200 || !isStream || !answer.body) throw new Error(`${what}, which is no stream`);
        return answer.body;
    }

    async #read(body: ReadableStream<Uint8Array>, heard: () => void): Promise<void> {
        const decoder = new TextDecoder();
        let text = '';
        for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
            heard();
            text += decoder.decode(chunk, { stream: true });
            const events = text.split('\n\n');
            text = events.pop() ?? '';
            if (text.length > EVENT_MAX) throw new Error('an event has no end');
            for (const lines of events) this.#take(fieldsOf(lines));
        }
    }

    #take(fields: Map<string, string>): void {
        const event = fields.get('event') ?? '';
        try {
            if (fields.has('data')) this.revocations.take(event, JSON.parse(fields.get('data') ?? ''));
        } catch (error) {
            // What cannot be read may be what was revoked: begin anew, with all there is.
            this.#lastId = '';
            throw error;
        }
        this.#lastId = fields.get('id') ?? this.#lastId;
        if (event !== 'status') return;
        this.#failures = 0;
        this.#settle();
    }
}
