// Runs the tests of client packages as their users have them: each package is packed and installed into an
// empty project, and the tests run in there. Node alone, after tests/run has installed the packages of tests/node:
//
//     KEYWARD=target/debug/keyward node clients/testing/run.mjs clients/js/test clients/js [-- --test-name-pattern=…]
//
// The first argument is the folder of the tests, the others the packages that they use. What follows `--` is for
// `node --test`. A file in place of the folder is run as it is, and is no test: a benchmark.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const installed = join(root, 'target/node');
const words = process.argv.slice(2);
const end = words.includes('--') ? words.indexOf('--') : words.length;
const [tests, ...packages] = words.slice(0, end);
const environment = {
    ...process.env,
    REPOSITORY: root,
    KEYWARD: resolve(process.env.KEYWARD ?? join(root, 'target/debug/keyward')),
    PATH: [join(installed, 'node_modules/.bin'), process.env.PATH].join(delimiter),
};

function npm(folder, ...args) {
    const quiet = ['--silent', '--no-audit', '--no-fund', '--offline'];
    return execFileSync('npm', [...args, ...quiet], { cwd: folder, env: environment, encoding: 'utf8' });
}

// Below target/node, where the compiler and the tests find the packages that are pinned there.
mkdirSync(join(installed, 'clients'), { recursive: true });
const project = mkdtempSync(join(installed, 'clients/run-'));

/** Builds the package from a copy of its own, so that nothing is written beside the sources; returns the tarball's name. */
function pack(folder) {
    const copy = join(project, 'build', folder);
    const isOfUse = (path) => !/(^|\/)(node_modules|dist|test)(\/|$)/.test(path.slice(join(root, folder).length));
    cpSync(join(root, folder), copy, { recursive: true, filter: isOfUse });
    return JSON.parse(npm(copy, 'pack', '--json', '--pack-destination', project))[0].filename;
}

/** What the package needs at run time, as it is pinned: nothing is fetched. */
function packNeeds(folder) {
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const packed = (name) => npm(join(installed, 'node_modules', name), 'pack', '--ignore-scripts', '--json', '--pack-destination', project);
    return Object.keys(dependencies).map((name) => JSON.parse(packed(name))[0].filename);
}

function run() {
    const tarballs = packages.flatMap((folder) => [...packNeeds(folder), pack(folder)]);
    writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    if (tarballs.length) npm(project, 'install', '--ignore-scripts', ...tarballs.map((name) => `./${name}`));
    cpSync(join(root, 'clients/testing'), join(project, 'testing'), { recursive: true });
    if (tests.endsWith('.mjs')) return inProject([script()]);
    cpSync(join(root, tests), join(project, 'test'), { recursive: true });
    const files = readdirSync(join(project, 'test')).filter((name) => name.endsWith('.test.mjs'));
    if (!files.length) throw new Error(`${tests} holds no tests`);
    const args = ['--test', '--test-concurrency=2', '--test-timeout=480000', ...words.slice(end + 1)];
    return inProject([...args, ...files.map((name) => join('test', name))]);
}

function script() {
    cpSync(join(root, tests), join(project, basename(tests)));
    return basename(tests);
}

function inProject(args) {
    return spawnSync('node', args, {
        cwd: project, env: environment, stdio: ['ignore', 'inherit', 'inherit'],
    }).status;
}

try {
    process.exitCode = run() ?? 1;
} finally {
    rmSync(project, { recursive: true, force: true });
}
