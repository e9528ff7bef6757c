// @keyward/client and @keyward/node, made from this repository where they are not installed.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const here = join(import.meta.dirname, '..');
const repository = join(here, '../..');
// What the packages are compiled with is that of their tests, pinned; it stays there from start to start.
const tools = join(repository, 'target/node');
const FOLDERS = { '@keyward/client': 'clients/js', '@keyward/node': 'clients/node' };

function isInstalled(name) {
    try {
        return Boolean(import.meta.resolve(name));
    } catch {
        return false;
    }
}

function npm(cwd, ...args) {
    const PATH = [join(tools, 'node_modules/.bin'), process.env.PATH].join(delimiter);
    return execFileSync('npm', [...args, '--silent'], { cwd, env: { ...process.env, PATH }, encoding: 'utf8' });
}

/** Builds a copy, below the packages that it is compiled with; returns the tarball. */
function pack(source, target) {
    const copy = join(target, source);
    const isSource = (path) => !/\/(node_modules|dist|test)$/.test(path);
    cpSync(join(repository, source), copy, { recursive: true, filter: isSource });
    return join(target, JSON.parse(npm(copy, 'pack', '--json', '--pack-destination', target))[0].filename);
}

export function installPackages() {
    const missing = Object.keys(FOLDERS).filter((name) => !isInstalled(name));
    if (!missing.length) return;
    console.log(`building ${missing.join(' and ')}`);
    execFileSync('bash', ['-c', '. tests/packages; install_npm tests/node target/node'], { cwd: repository });
    mkdirSync(join(tools, 'clients'), { recursive: true });
    const target = mkdtempSync(join(tools, 'clients/notes-'));
    try {
        npm(here, 'install', '--no-save', ...missing.map((name) => pack(FOLDERS[name], target)));
    } finally {
        rmSync(target, { recursive: true });
    }
}
