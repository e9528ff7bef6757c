// Ends TLS in front of a server, as a proxy does in production, on a free port of a host. Arguments:
// the files of certificate and key, the host, and the server's address.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";

const [cert, key, host, server] = process.argv.slice(2);
const front = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (asked, answer) => {
    const { method, headers } = asked;
    const passed = request(server + asked.url, { method, headers }, (given) => {
        answer.writeHead(given.statusCode, given.rawHeaders);
        given.pipe(answer);
    });
    asked.pipe(passed);
});
front.listen(0, host, () => console.log(`on port ${front.address().port}.`));
