// Node's own `http`: requests of any framework that stands on it, event streams that end with their session, and
// WebSockets.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Identity } from './identity.js';
import { checked, type Asked, type Rules } from './request.js';
import type { Verifier } from './verifier.js';

export { createVerifier } from './verifier.js';

/** Node's request as a web-standard one, as far as that is looked at. A header that came twice is not one of them. */
export function askedBy(incoming: IncomingMessage): Asked {
    // Not `headersDistinct`, which HTTP/2 and the requests of Fastify's `inject` do not have.
    const { method = 'GET', rawHeaders } = incoming;
    const get = (name: string) => {
        const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
        return values.length ? values.join(name === 'cookie' ? '; ' : ', ') : null;
    };
    return { method, headers: { get } };
}

/** Takes out what only a gateway may say, and no gateway stands in front of an app that asks by itself. */
export function dropIdentityHeaders({ headers, headersDistinct }: IncomingMessage): void {
    for (const name of Object.keys(headers).filter((name) => /^x[-_]auth[-_]/.test(name))) {
        delete headers[name];
        delete headersDistinct?.[name];
    }
}

/** Who asks, or the refusal. */
export function identify(verifier: Verifier, incoming: IncomingMessage, rules: Rules = {}, address?: string) {
    return verifier.verify(askedBy(incoming), rules, { address: address ?? incoming.socket.remoteAddress });
}

/** Answers with a refusal. */
export async function send(refusal: Response, response: ServerResponse): Promise<void> {
    const body = await refusal.text();
    response.writeHead(refusal.status, Object.fromEntries(refusal.headers));
    response.end(body);
}

/** What is said when headers are written, whichever way: `writeHead(status, message?, headers?)`. */
function isEventStream(response: ServerResponse, words: unknown[]): boolean {
    const given = words.at(-1);
    const pairs = Array.isArray(given) ? given.flat() : Object.entries(Object(given)).flat();
    const at = pairs.findIndex((name, index) => index % 2 === 0 && /^content-type$/i.test(String(name)));
    return /^text\/event-stream/i.test(String(at < 0 ? response.getHeader('content-type') : pairs[at + 1]));
}

/** Nothing is watched for a client that has gone, which it may have while Keyward was asked. */
export function releaseWith(identity: Identity, open: ServerResponse | Duplex): void {
    if (open.destroyed) identity.release();
    else open.once('close', () => identity.release());
}

/** The answer is one user's. If it is an event stream, it ends with the session. */
export function tie(identity: Identity, response: ServerResponse): void {
    releaseWith(identity, response);
    response.setHeader('Cache-Control', 'private, no-store');
    const writeHead = response.writeHead.bind(response) as (...words: unknown[]) => ServerResponse;
    response.writeHead = (...words: unknown[]) => {
        const isStream = isEventStream(response, words);
        const written = writeHead(...words);
        if (isStream) identity.whenOver(() => response.destroy());
        return written;
    };
}

/** The connection ends with the session, after what `identity.whenOver` has had to say. */
export function tieSocket(identity: Identity, socket: Duplex): void {
    releaseWith(identity, socket);
    identity.whenOver(() => setImmediate(end, socket));
}

/** Goes on with a request that is let in: to `ws`, say. */
export type Upgrade = (identity: Identity, incoming: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * WebSockets for those who are signed in: refuses others as HTTP does, and ends the connection with the session, after
 * what `identity.whenOver` has had to say.
 */
export function onUpgrade(server: Server, verifier: Verifier, upgrade: Upgrade, rules: Rules = {}): void {
    checked(rules);
    server.on('upgrade', async (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
        const abandon = () => socket.destroy();
        socket.on('error', abandon);
        try {
            const who = await identify(verifier, incoming, rules);
            if (socket.destroyed) return;
            if (who instanceof Response) return socket.end(await written(who));
            dropIdentityHeaders(incoming);
            socket.off('error', abandon);
            upgrade(who, incoming, socket, head);
            tieSocket(who, socket);
        } catch (error) {
            abandon();
            // Nobody else would say so.
            console.error('keyward: a WebSocket was not opened:', error);
        }
    });
}

/** Milliseconds for a last word to whoever is signed out; who does not read may still write. */
const LAST_WORD = 50;

/** What was written before goes out, unless the other side does not take it. */
function end(socket: Duplex): void {
    const cut = () => socket.destroy();
    socket.end(cut);
    setTimeout(cut, LAST_WORD).unref();
}

/** A refusal as it goes over the wire. */
async function written(refusal: Response): Promise<string> {
    const body = await refusal.text();
    const headers = [...refusal.headers, ['content-length', Buffer.byteLength(body)], ['connection', 'close']];
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return `HTTP/1.1 ${refusal.status} Refused\r\n${lines}\r\n${body}`;
}
