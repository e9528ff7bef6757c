// The processes that the product is made of. They end with this one, in whatever way it ends; and where one of them
// ends, so do the others.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';

/** Ends the command when the pipe from this process does. Ctrl-C, which all of them get, is for this process. */
const GUARD = 'trap "" INT HUP; exec 3<&0; "$@" 3<&- & pid=$!; { read -r _ <&3; kill $pid; } 2>/dev/null & wait $pid';
const running = new Set();
let isEnding = false;

export function service(command, args, { cwd, env = {}, log }) {
    const out = log ? openSync(log, 'a', 0o600) : 'inherit';
    const child = spawn('bash', ['-c', GUARD, command, command, ...args.map(String)], {
        cwd, env: { ...process.env, ...env }, stdio: ['pipe', out, out],
    });
    running.add(child);
    child.once('exit', () => {
        running.delete(child);
        if (!isEnding) {
            console.error(`${command} has ended${log ? `: see ${log}` : ''}`);
            end(1);
        }
        if (!running.size) process.exit();
    });
}

function end(code) {
    isEnding = true;
    process.exitCode = code;
    for (const child of running) child.stdin.end();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0));

/** So many ports that are free, below those that connections are given. */
export async function freePorts(count) {
    const found = new Set();
    while (found.size < count) {
        const port = 10_000 + Math.floor(Math.random() * 22_000);
        const server = createServer();
        const isFree = await new Promise((answer) => {
            server.once('error', () => answer(false));
            server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
        });
        if (isFree) found.add(port);
    }
    return [...found];
}

/** Returns once the address answers 200, or the product is ending. */
export async function isAnswered(url) {
    while (!isEnding) {
        const isThere = await fetch(url).then((answer) => answer.ok, () => false);
        if (isThere) return;
        await new Promise((next) => setTimeout(next, 50));
    }
    process.exit();
}
