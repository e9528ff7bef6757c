// The product as its README has a newcomer start it, from a copy of its own; it ends with the test.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { freePort, guarded, until } from '../testing/keyward.mjs';

export const repository = process.env.REPOSITORY;
const installed = [join(repository, 'target/python'), process.env.PYTHONPATH].filter(Boolean).join(delimiter);

export const PASSWORD = 'correct horse battery';

/** A file of the repository. */
export const text = (path) => readFileSync(join(repository, path), 'utf8');

/** What the README types, a line each. */
export const typed = () => text('examples/notes/README.md').match(/```sh\n([^]*?)```/)[1].trim().split('\n');

/** Copies it to where the packages of tests/node are found, and installs the Python package as the README says. */
function copy(home) {
    const isSource = (path) => !/\/(\.run|\.python|node_modules|dist|__pycache__)(\/|$)/.test(path.slice(repository.length));
    for (const folder of ['examples/notes', 'clients/python']) {
        cpSync(join(repository, folder), join(home, folder), { recursive: true, filter: isSource });
    }
    const install = typed().find((line) => line.includes('clients/python'));
    // What it needs of others is in target/python.
    const offline = { PIP_NO_INDEX: '1', PIP_NO_DEPS: '1', PIP_NO_BUILD_ISOLATION: '0' };
    const quiet = { PIP_QUIET: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' };
    execFileSync('bash', ['-c', install], {
        cwd: join(home, 'examples/notes'), env: { ...process.env, ...offline, ...quiet, PYTHONPATH: installed },
    });
}

/** Starts it; where it was started before, with what is kept. */
async function start(home, port) {
    const url = `http://localhost:${port}`;
    const log = join(home, `${Date.now()}.log`);
    const running = await guarded('bash', ['-c', typed().at(-1)], {
        cwd: join(home, 'examples/notes'), log,
        env: { ...process.env, PORT: port, PYTHONPATH: installed },
    });
    const printed = () => readFileSync(log, 'utf8');
    const isRunning = () => {
        try {
            return process.kill(-running.pid, 0);
        } catch {
            return false;
        }
    };
    try {
        await until(() => printed().includes(url) || !isRunning(), 'it prints its address', 120_000);
        if (!isRunning()) throw new Error('it has ended');
    } catch (error) {
        await running.stop();
        throw new Error(printed(), { cause: error });
    }
    return { ...running, isRunning, url };
}

export class Product {
    #home = mkdtempSync(join(import.meta.dirname, '../product-'));
    #port;
    #running;

    static async start() {
        const started = new Product();
        copy(started.#home);
        started.#port = await freePort();
        await started.begin();
        return started;
    }

    async begin() {
        this.#running = await start(this.#home, this.#port);
    }

    get url() {
        return this.#running.url;
    }

    /** What a terminal does: all of its processes are told. */
    async pressCtrlC() {
        process.kill(-this.#running.pid, 'SIGINT');
        await until(() => !this.#running.isRunning(), 'all of it has ended');
        await this.#running.stop();
    }

    /** Runs a script of its package.json. */
    script(name) {
        return execFileSync('npm', ['run', '--silent', name], { cwd: join(this.#home, 'examples/notes'), encoding: 'utf8' });
    }

    /** What is kept. */
    get #run() {
        return join(this.#home, 'examples/notes/.run');
    }

    /** Runs one of Keyward's commands, with this as its input. */
    #keyward(words, input = '') {
        const folders = { KEYWARD_STORAGE_DATA_DIR: join(this.#run, 'data'), KEYWARD_KEYS_DIR: join(this.#run, 'keys') };
        execFileSync(process.env.KEYWARD, words, { cwd: this.#run, input, env: { PATH: process.env.PATH, ...folders } });
    }

    /** One more account, with the password of the others. */
    addUser(name, ...roles) {
        this.#keyward(['user', 'add', name, ...roles.flatMap((role) => ['--role', role]), '--password-stdin'], PASSWORD);
        this.#keyward(['user', 'email', name, `${name}@example.com`, '--verified']);
    }

    /** The link in the newest mail to this user, once there is one. */
    linkFor(name) {
        const folder = join(this.#run, 'data/mail');
        const mails = () => readdirSync(folder).filter((file) => file.endsWith('.eml')).sort().reverse()
            .map((file) => readFileSync(join(folder, file), 'utf8'));
        const links = () => mails().filter((mail) => mail.includes(`To: ${name}@example.com`)).flatMap((mail) => mail.match(/^http:\S+/m) ?? []);
        return until(() => existsSync(folder) && links()[0], `a mail to ${name} with a link`);
    }

    /** What `keyward gateway test` says of each attack on a part of it, by this user. Throws if one lets somebody in. */
    attack(part, name, ...words) {
        const args = ['gateway', 'test', this.url + part, '--keyward', this.url, '--username', name, '--password-stdin'];
        const said = execFileSync(process.env.KEYWARD, [...args, ...words, '--json'], { input: PASSWORD, encoding: 'utf8' });
        return JSON.parse(said);
    }

    stop() {
        return this.#running.stop();
    }
}
