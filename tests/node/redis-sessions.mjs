// Plays a script with the library redis-sessions: what its users had. Reads one JSON text from
// standard input, `{"port", "namespace", "steps": [[verb, options], …]}`, and prints the answers as
// a JSON array: `{"answer": …}` or `{"error": {"name", "message"}}` each. In options, "$3" stands
// for the token of step 3.
import { text } from "node:stream/consumers";

import library from "redis-sessions";

const { port, namespace, steps } = JSON.parse(await text(process.stdin));
const sessions = new library.default({ port, namespace, wipe: 0 });
const answers = [];
for (const [verb, options] of steps) {
    if (/^\$\d+$/.test(options.token)) {
        options.token = answers[Number(options.token.slice(1))].answer.token;
    }
    try {
        answers.push({ answer: await sessions[verb](options) });
    } catch ({ name, message }) {
        answers.push({ error: { name, message } });
    }
}
await sessions.quit();
process.stdout.write(JSON.stringify(answers));
