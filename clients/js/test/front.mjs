// What stands between a client and Keyward in a test: it counts what goes over the wire, and does to answers what
// networks do. And an API whose every request is checked by Keyward.
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

import { freePort, Keyward } from '../testing/keyward.mjs';

const KEPT = /^(accept|authorization|content-type|cookie|dpop|origin)$/;

async function listening(handle, port = 0) {
    const server = createServer((request, response) => {
        handle(request, response).catch(() => response.destroy());
    });
    await new Promise((ready) => server.listen(port, 'localhost', ready));
    return server;
}

function end(server) {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
}

/** Keyward behind a network. `through(request, forward)` decides what is answered: null is a connection that
 * breaks, and `sendDate: false` leaves the header out. */
export class Front {
    seen = [];
    through = (_request, forward) => forward();

    static async start(options = {}) {
        const front = new Front();
        const port = await freePort();
        front.url = `http://localhost:${port}`;
        front.keyward = await Keyward.start({
            ...options, settings: { SERVER_PUBLIC_URL: front.url, ...options.settings },
        });
        front.server = await listening((request, response) => front.#handle(request, response), port);
        return front;
    }

    async #handle(request, response) {
        const body = await buffer(request);
        const asked = { method: request.method, path: request.url, headers: request.headers, body: body.toString() };
        this.seen.push(asked);
        const answer = await this.through(asked, () => this.#forward(asked));
        if (!answer) return response.destroy();
        response.sendDate = answer.sendDate ?? true;
        response.writeHead(answer.status, answer.headers ?? {});
        response.end(answer.body ?? '');
    }

    async #forward({ method, path, headers, body }) {
        const kept = Object.entries(headers).filter(([name]) => KEPT.test(name));
        const answer = await fetch(this.keyward.listens + path, {
            method, headers: kept, body: body || undefined, redirect: 'manual',
        });
        const told = [...answer.headers].filter(([name]) => !/^(connection|content-length|transfer-encoding)$/.test(name));
        return { status: answer.status, headers: told.flat(), body: Buffer.from(await answer.arrayBuffer()) };
    }

    /** How often this was asked. */
    count(path) {
        return this.seen.filter((asked) => asked.path.startsWith(path)).length;
    }

    /** Forgets what was asked, and leaves answers alone from now on. */
    calm() {
        this.seen = [];
        this.through = (_request, forward) => forward();
    }

    async stop() {
        await end(this.server);
        await this.keyward.stop();
    }
}

/** An API behind a gateway: what the check says is passed on. `answers` maps a path to an answer without a check. */
export class Api {
    seen = [];
    answers = {};

    static async start(checkUrl) {
        const api = new Api();
        api.server = await listening(async (request, response) => {
            const { authorization } = request.headers;
            api.seen.push({ url: request.url, authorization, body: (await buffer(request)).toString() });
            const fixed = api.answers[request.url];
            if (fixed) {
                response.writeHead(fixed.status, fixed.headers);
                return response.end(fixed.body);
            }
            const query = new URL(request.url, checkUrl).search;
            const check = await fetch(checkUrl + query, { headers: authorization ? { authorization } : {} });
            const told = ['content-type', 'www-authenticate', 'x-auth-reason'].filter((name) => check.headers.has(name));
            response.writeHead(check.status, Object.fromEntries(told.map((name) => [name, check.headers.get(name)])));
            response.end(check.ok ? check.headers.get('x-auth-username') : await check.text());
        });
        api.origin = `http://localhost:${api.server.address().port}`;
        return api;
    }

    stop() {
        return end(this.server);
    }
}
