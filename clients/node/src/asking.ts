// One question to the check, over connections that are kept. By Node's older client: `fetch` takes some three times the
// processor time, for each request of the app.
import * as http from 'node:http';
import * as https from 'node:https';

export interface Said {
    status: number;
    headers: http.IncomingHttpHeaders;
    body: string;
}

/** An idle connection is closed after this, in milliseconds; sooner where the server says so. */
const IDLE = 4_000;
/** Of an answer of the check; it has some hundred. */
const LONGEST = 65_536;
/** Questions at once; what comes beside them waits. One connection for each of a burst would lock others out of Keyward. */
const CONNECTIONS = 128;
const KEPT = { keepAlive: true, timeout: IDLE, maxSockets: CONNECTIONS };
const AGENTS = { 'http:': new http.Agent(KEPT), 'https:': new https.Agent(KEPT) };

function send(url: URL, headers: http.OutgoingHttpHeaders, timeout: number): Promise<Said> {
    return new Promise((done, fail) => {
        let isAnswered = false;
        const { request } = url.protocol === 'https:' ? https : http;
        const asking = request(url, { headers, agent: AGENTS[url.protocol as keyof typeof AGENTS] }, (answer) => {
            isAnswered = true;
            let body = '';
            answer.setEncoding('utf8');
            answer.on('data', (part: string) => {
                body += part;
                if (body.length > LONGEST) asking.destroy(new Error('the answer does not end'));
            });
            answer.on('end', () => {
                clearTimeout(timer);
                if (answer.complete) done({ status: answer.statusCode ?? 0, headers: answer.headers, body });
            });
        });
        const timer = setTimeout(() => asking.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
        asking.on('error', (error) => fail(Object.assign(error, { isOfIdle: asking.reusedSocket && !isAnswered })));
        asking.on('close', () => {
            clearTimeout(timer);
            fail(new Error('the answer was cut short'));
        });
        asking.end();
    });
}

/** A connection that was idle may have been closed at the very moment: then the question is asked once more. */
export async function askCheck(url: URL, headers: http.OutgoingHttpHeaders, timeout: number): Promise<Said> {
    const began = performance.now();
    try {
        return await send(url, headers, timeout);
    } catch (error) {
        const { isOfIdle, code } = error as { isOfIdle?: boolean; code?: string };
        if (!isOfIdle || (code !== 'ECONNRESET' && code !== 'EPIPE')) throw error;
        return send(url, headers, timeout - (performance.now() - began));
    }
}
