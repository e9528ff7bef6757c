// One origin as a gateway makes it, pages, an API and Keyward, and the network before it, which loses, delays and
// duplicates what the test says.
import { Agent, createServer, request as ask } from 'node:http';

import { chance } from './chance.mjs';

/** How many requests in a hundred have which mishap, and the longest delay in milliseconds. */
export const CALM = { lost: 0, unanswered: 0, late: 0, doubled: 0, longest: 0 };
export const STORM = { lost: 7, unanswered: 7, late: 14, doubled: 7, longest: 800 };

const pause = (time) => new Promise((next) => setTimeout(next, time));
const upstream = new Agent({ keepAlive: true });

async function bodyOf(stream) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts);
}

/** Sends it on once; what comes back is a status, headers and a body. */
function forward(base, { method, url, headers }, body) {
    return new Promise((answer, failed) => {
        const sent = ask(base + url, { method, headers, agent: upstream }, async (reply) => {
            answer({ status: reply.statusCode, headers: reply.headers, body: await bodyOf(reply) });
        });
        sent.once('error', failed);
        sent.end(body);
    });
}

export class Network {
    #server;
    #gates = [];
    #counts = new Map();

    /** What has come by: `{ tab, method, path, at, status, isGivenUp }`, the status missing while it is on its way or lost. */
    requests = [];
    weather = CALM;
    /** Whether a request may have a mishap; its path without the query. */
    isExposed = (path) => /^\/(v1|api|oauth)\//.test(path);
    isCut = false;
    /** What is answered in the place of Keyward and the API: a path to `(request) => ({ status, headers, body })`. */
    answers = {};
    /** Changes what Keyward answers: `(reply, entry) => reply`. */
    change = (reply) => reply;

    static async start({ port, files, keyward }) {
        const network = Object.assign(new Network(), { port, files, keyward, origin: `http://localhost:${port}` });
        network.#server = createServer((request, answer) => {
            network.#take(request, answer).catch(() => request.socket.destroy());
        });
        await new Promise((ready) => network.#server.listen(port, '127.0.0.1', ready));
        return network;
    }

    /** The requests with this path so far, of one tab or of all. */
    seen(path, tab) {
        return this.requests.filter((one) => one.path === path && (tab === undefined || one.tab === tab));
    }

    /**
     * Holds the first request that `holds` says yes to, before it is sent on or (`'answer'`) once Keyward has answered.
     * `came` is kept when it is held; `open()` lets it go, and `drop()` loses it.
     */
    hold(holds, when = 'answer') {
        const gate = { holds, when };
        gate.came = new Promise((come) => { gate.come = come; });
        gate.opened = new Promise((open) => { gate.let = open; });
        Object.assign(gate, { open: () => gate.let('open'), drop: () => gate.let('drop') });
        this.#gates.push(gate);
        return gate;
    }

    async #take(request, answer) {
        const path = request.url.split('?')[0];
        const file = this.files[path];
        if (file) return answer.writeHead(200, { 'content-type': file.type, ...file.headers }).end(file.body);
        const tab = new URL(request.headers.referer ?? 'x:').searchParams?.get('tab') ?? '';
        const entry = { tab, method: request.method, path, at: performance.now() };
        this.requests.push(entry);
        answer.once('close', () => { entry.isGivenUp = !answer.writableEnded; });
        const reply = await this.#carry(request, entry);
        if (!reply) return request.socket.destroy();
        entry.status = reply.status;
        const { connection, 'keep-alive': alive, 'transfer-encoding': encoding, ...headers } = reply.headers;
        // A browser that has used a connection before hides a loss on it by asking again itself.
        answer.writeHead(reply.status, { ...headers, connection: 'close' }).end(reply.body);
    }

    /** What the request is answered, or nothing where it or its answer is lost. */
    async #carry(request, entry) {
        const body = await bodyOf(request);
        if (this.isCut || !await this.#pass(entry, 'request')) return;
        const fate = this.#fate(entry);
        if (fate.kind === 'lost') return;
        if (fate.kind === 'late' && fate.half) await pause(fate.time);
        let reply = await this.#reach(request, body);
        if (fate.kind === 'doubled') {
            await pause(fate.time);
            const again = await this.#reach(request, body);
            if (fate.half) reply = again;
        }
        if (fate.kind === 'late' && !fate.half) await pause(fate.time);
        const passes = await this.#pass(entry, 'answer');
        reply = this.change(reply, entry);
        return passes && fate.kind !== 'unanswered' && !this.isCut ? reply : undefined;
    }

    async #pass(entry, when) {
        const gate = this.#gates.find((one) => one.when === when && one.holds(entry));
        if (!gate) return true;
        this.#gates = this.#gates.filter((one) => one !== gate);
        gate.come(entry);
        return await gate.opened === 'open';
    }

    #fate({ tab, path }) {
        if (!this.isExposed(path)) return {};
        const count = (this.#counts.get(tab + path) ?? 0) + 1;
        this.#counts.set(tab + path, count);
        const drawn = (what) => chance(tab, path, count, what);
        let left = drawn('kind') * 100;
        const kind = ['lost', 'unanswered', 'late', 'doubled'].find((one) => (left -= this.weather[one]) < 0);
        return { kind, half: drawn('half') < 0.5, time: drawn('time') * this.weather.longest };
    }

    /** Keyward, or the API, which asks it. A gateway answers 502 for a server that is away. */
    async #reach(request, body) {
        const own = this.answers[request.url.split('?')[0]];
        if (own) return own(request, body);
        const away = { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>502 Bad Gateway</h1>' };
        if (request.url.startsWith('/api/')) return this.#checked(request).catch(() => away);
        return forward(this.keyward.listens, request, body).catch(() => away);
    }

    async #checked({ method, headers }) {
        const { authorization, cookie, origin } = headers;
        const asked = { 'x-forwarded-method': method, 'sec-fetch-site': headers['sec-fetch-site'] };
        const credentials = Object.entries({ ...asked, authorization, cookie, origin }).filter(([, value]) => value);
        const check = { method: 'GET', url: '', headers: Object.fromEntries(credentials) };
        const reply = await forward(this.keyward.checkUrl, check);
        if (reply.status !== 200) return reply;
        const { 'x-auth-username': name, 'x-auth-session': session } = reply.headers;
        const json = { 'content-type': 'application/json' };
        return { status: 200, headers: json, body: JSON.stringify({ name, session }) };
    }

    async stop() {
        this.#server.closeAllConnections();
        await new Promise((done) => this.#server.close(done));
    }
}
