// Answers of frameworks that speak the web's own `Request` and `Response`.
import type { Identity } from './identity.js';

const PRIVATE = 'private, no-store';

/** Ends when the session is over; what feeds it is cancelled. */
function cut(identity: Identity, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
        start: (passing) => identity.whenOver(() => passing.terminate()),
    });
    // Settled by whichever side ends, in whatever way.
    void body.pipeTo(writable).catch(() => {}).finally(() => identity.release());
    return readable;
}

/** The answer is one user's, and no cache's. If it is an event stream, it ends with the session. */
export function tied(identity: Identity, response: Response): Response {
    const headers = new Headers(response.headers);
    if (!/\b(?:private|no-store)\b/i.test(headers.get('cache-control') ?? '')) headers.set('cache-control', PRIVATE);
    const { body, status, statusText } = response;
    const isStream = /^text\/event-stream/i.test(headers.get('content-type') ?? '');
    return new Response(isStream && body ? cut(identity, body) : body, { status, statusText, headers });
}
