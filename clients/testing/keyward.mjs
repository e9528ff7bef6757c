// A real Keyward for a test: embedded, in a folder of its own, with the accounts and apps that the test names. It
// ends with the test, also where the test is killed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PASSWORD = 'correct horse battery';

/** Waits on a pipe from this process, and kills the command and what it started when that ends, in whatever way. */
const GUARD = 'set -m; "$@" </dev/null & pid=$!; echo $pid >&3; read -r _; kill -9 -- -$pid; wait $pid';

/** Starts a command that ends with this process. What it prints goes to the file `log`. */
export async function guarded(command, args, { cwd, env = process.env, log } = {}) {
    const out = log ? openSync(log, 'a') : 'ignore';
    const guard = spawn('bash', ['-c', GUARD, 'guard', command, ...args], {
        cwd, env, stdio: ['pipe', out, out, 'pipe'],
        // Whatever kills the tests as a group leaves the guard to do its work.
        detached: true,
    });
    const pid = Number(await new Promise((ready) => guard.stdio[3].once('data', ready)));
    const ended = new Promise((done) => guard.once('exit', done));
    return {
        pid,
        async stop() {
            guard.stdin.end();
            await ended;
        },
    };
}

/** How many ports were given. It begins elsewhere in each process, so that two that look at once find two. */
let given = process.pid * 997;

/** A port that is free, below those that connections are given and above the last that browsers refuse. */
export async function freePort() {
    for (;;) {
        const port = 11_000 + (given++ % 21_000);
        const server = createServer();
        const isFree = await new Promise((answer) => {
            server.once('error', () => answer(false));
            server.listen(port, '127.0.0.1', () => server.close(() => answer(true)));
        });
        if (isFree) return port;
    }
}

/** Asks until the answer is true; throws after `patience` milliseconds. */
export async function until(ask, what = ask.toString(), patience = 30_000) {
    for (const end = performance.now() + patience; ;) {
        const answer = await ask();
        if (answer) return answer;
        if (performance.now() > end) throw new Error(`not within ${patience} ms: ${what}`);
        await new Promise((next) => setTimeout(next, 20));
    }
}

export class Keyward {
    #folder = mkdtempSync(join(tmpdir(), 'keyward-'));
    #process;
    #settings;

    /**
     * `users` are names (each with `PASSWORD`) or `{ name, roles }`; `apps` maps a name to its origins, or to
     * `'confidential'`; `settings` are environment variables without `KEYWARD_`. Apps' secrets are in `secrets`.
     */
    static async start({ users = ['anna'], apps = {}, settings = {} } = {}) {
        const keyward = new Keyward();
        const [port, management, check] = [await freePort(), await freePort(), await freePort()];
        // `localhost`, since pages of tests are there: its ports are one site to a browser.
        keyward.url = settings.SERVER_PUBLIC_URL ?? `http://localhost:${port}`;
        keyward.listens = `http://localhost:${port}`;
        keyward.checkUrl = `http://127.0.0.1:${check}/v1/check`;
        keyward.secrets = {};
        keyward.#settings = {
            SERVER_LISTEN: `127.0.0.1:${port}`,
            SERVER_MANAGEMENT_LISTEN: `127.0.0.1:${management}`,
            SERVER_CHECK_LISTEN: `127.0.0.1:${check}`,
            SERVER_PUBLIC_URL: keyward.url,
            ...settings,
        };
        keyward.run(['migrate']);
        for (const user of users) keyward.#add(typeof user === 'string' ? { name: user } : user);
        for (const [name, kind] of Object.entries(apps)) {
            const how = kind === 'confidential' ? ['--confidential'] : kind.flatMap((origin) => ['--origin', origin]);
            keyward.secrets[name] = keyward.run(['app', 'add', name, ...how]).trim();
        }
        await keyward.begin();
        return keyward;
    }

    #add({ name, roles = [] }) {
        const words = roles.flatMap((role) => ['--role', role]);
        this.run(['user', 'add', name, ...words, '--password-stdin'], `${PASSWORD}\n`);
    }

    get #environment() {
        const mine = Object.entries(this.#settings).map(([name, value]) => [`KEYWARD_${name}`, String(value)]);
        return { PATH: process.env.PATH, HOME: this.#folder, ...Object.fromEntries(mine) };
    }

    /** Runs one of Keyward's commands and returns what it prints. */
    run(args, input = '') {
        const done = spawnSync(process.env.KEYWARD, args, {
            cwd: this.#folder, env: this.#environment, input, encoding: 'utf8',
        });
        if (done.status !== 0) throw new Error(`keyward ${args.join(' ')}: ${done.stderr}`);
        return done.stdout;
    }

    /** Starts the server again where it has been stopped; returns once it is ready. */
    async begin() {
        this.#process = await guarded(process.env.KEYWARD, [], {
            cwd: this.#folder, env: this.#environment, log: join(this.#folder, 'log'),
        });
        const isReady = () => fetch(`${this.listens}/healthz`).then((answer) => answer.ok, () => false);
        await until(isReady, 'Keyward is ready', 60_000).catch(async (error) => {
            // Nobody else could: with what it waits for under way, the test would not end.
            await this.kill();
            throw new Error(`${error.message}\n${this.log}`);
        });
    }

    /** Kills the server; what it keeps stays. */
    async kill() {
        await this.#process.stop();
    }

    /** Stops its process for a while, as a machine that stalls. */
    signal(name) {
        process.kill(this.#process.pid, name);
    }

    /** Where it is run, and what it names without a folder is. */
    get folder() {
        return this.#folder;
    }

    /** What it has logged. */
    get log() {
        return readFileSync(join(this.#folder, 'log'), 'utf8');
    }

    async stop() {
        await this.kill();
        rmSync(this.#folder, { recursive: true, force: true });
    }
}
