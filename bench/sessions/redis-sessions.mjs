// Creates, gets and ends sessions with the library redis-sessions, 64 at a time, as its users' servers
// do. Arguments: port, namespace, app. Each line of standard input is a round,
// `{"verb", "users": [the user of each session], "ip", "d"}`; answers with the milliseconds it took.
import { createInterface } from "node:readline";

import library from "redis-sessions";

const [, port, namespace, app] = process.argv;
const sessions = new library.default({ port: Number(port), namespace, wipe: 0 });
await sessions.ping();

let tokens = [];
const verbs = {
    async create({ users, ip, d }, n) {
        tokens[n] = (await sessions.create({ app, id: users[n], ip, d })).token;
        return true;
    },
    async get({ users }, n) {
        return (await sessions.get({ app, token: tokens[n] }))?.id === users[n];
    },
    async end(_, n) {
        return (await sessions.kill({ app, token: tokens[n] })).kill === 1;
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const round = JSON.parse(line);
    let next = 0;
    const caller = async () => {
        while (next < round.users.length) {
            const n = next++;
            if (!(await verbs[round.verb](round, n))) throw new Error(`${round.verb} of ${n}`);
        }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: 64 }, caller));
    console.log(performance.now() - begun);
}
await sessions.quit();
