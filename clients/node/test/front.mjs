// Stands between a verifier and Keyward: can be cut, counts what is asked, and can answer in its place.
import { createServer, request } from 'node:http';

import { listen } from './support.mjs';

export class Front {
    /** The paths that were asked for, with the `Last-Event-ID` where there was one. */
    asked = [];
    isCut = false;
    /** In place of Keyward's, where set. */
    keys;
    /** Answers in place of Keyward, where set: `(asked, answer)`. */
    instead;
    /** Waited for before anything is passed on. */
    held;
    /** The most connections that there were at once. */
    connections = 0;
    #behind;

    static async before(t, keyward) {
        const front = new Front();
        front.#behind = keyward.listens;
        const { http, url } = await listen(t, createServer((asked, answer) => front.#pass(asked, answer)));
        const open = new Set();
        http.on('connection', (socket) => {
            open.add(socket.on('close', () => open.delete(socket)));
            front.connections = Math.max(front.connections, open.size);
        });
        return Object.assign(front, { http, url });
    }

    cut() {
        this.isCut = true;
        this.http.closeAllConnections();
    }

    mend() {
        this.isCut = false;
    }

    count = (path) => this.asked.filter((asked) => asked.path === path).length;

    async #pass(asked, answer) {
        if (this.isCut) return answer.destroy();
        this.asked.push({ path: asked.url, lastId: asked.headers['last-event-id'] });
        await this.held;
        if (this.instead) return this.instead(asked, answer);
        if (this.keys && asked.url === '/.well-known/jwks.json') return answer.end(JSON.stringify(this.keys));
        const { method, headers } = asked;
        const on = request(this.#behind + asked.url, { method, headers, agent: false }, (said) => {
            answer.writeHead(said.statusCode, said.headers);
            said.pipe(answer).on('close', () => said.destroy());
            said.on('error', () => answer.destroy());
        });
        on.on('error', () => answer.destroy());
        asked.pipe(on);
    }
}
