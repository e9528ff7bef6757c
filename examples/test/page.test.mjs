// What docs/example.md says of the product is so: how many lines are about signing in, and what it looks like.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { repository, text, typed } from './product.mjs';

const page = text('docs/example.md');
const pages = readdirSync(join(repository, 'examples/notes/web/src')).filter((name) => /\.tsx?$/.test(name));

/** The lines of code: no blank ones, no comments. */
const code = (source) => source.split('\n').filter((line) => !/^\s*(\/\/|\/\*|\*|#|"""|$)/.test(line));
const inPages = (names) => names.flatMap((name) => code(text(`examples/notes/web/src/${name}`)));
const inPart = (path) => code(text(`examples/notes/${path}`));

/** A file of a page of the documentation, by the name in its first line. The last one counts. */
function byHand(page, name) {
    const blocks = [...text(`docs/${page}`).matchAll(/^```\w+\n(?:\/\/|#) (\S+)\n([^]*?)^```/gm)];
    return code(blocks.filter(([, first]) => first === name).at(-1)[2]);
}

// What comes from Keyward's packages, by name.
const OF_CLIENT = /keyward|passkey\.|account['.]|proving|StepUpRequired/;
const OF_NODE = /keyward|createVerifier|guard/i;
const OF_PYTHON = /keyward|install\(|requires\(/i;
// Of the pages, what there would be with nothing but passwords.
const ACCOUNT = ['account.ts', 'proving.ts', 'StepUp.tsx', 'Security.tsx', 'TotpSetUp.tsx', 'Devices.tsx'];
const BEYOND = /import type|passkey|answer\(|proving/;

function inThePages() {
    const named = (names) => inPages(names).filter((line) => OF_CLIENT.test(line));
    const simple = named(pages.filter((name) => !ACCOUNT.includes(name)));
    return {
        simple: simple.filter((line) => !BEYOND.test(line)),
        beyond: [...named(ACCOUNT), ...simple.filter((line) => BEYOND.test(line))],
    };
}

/** A row of the page's table, by what it begins with. */
const row = (name) => page.match(new RegExp(`^\\| ${name}.*`, 'm'))[0].split('|').slice(2, 4).map((cell) => cell.trim());
const are = (lines) => String(lines.length);

/** Each row of the table: the lines of the product, and those of the same by hand. */
function counted() {
    const { simple, beyond } = inThePages();
    const api = inPart('api/server.mjs').filter((line) => OF_NODE.test(line));
    const service = inPart('insights/main.py').filter((line) => OF_PYTHON.test(line));
    return {
        'the pages: passwords': [simple, byHand('browser.md', 'keyward.js')],
        'the pages: second factors': [beyond, null],
        'the API': [api, byHand('verifiers.md', 'verifier.mjs')],
        'the service': [service, byHand('verifiers.md', 'verifier.py')],
    };
}

test('so many lines are about signing in', () => {
    for (const [name, [own, hand]] of Object.entries(counted())) {
        assert.deepEqual(row(name), [are(own), hand ? are(hand) : '–'], `${name}:\n${own.join('\n')}`);
    }
    const [simple, beyond, api, service] = Object.values(counted()).map(([own]) => own.length);
    assert.match(text('README.md'), new RegExp(`${simple} lines about signing in, the API ${api}, the service ${service}:`));
    assert.match(text('docs/browser.md'), new RegExp(`${simple} lines about signing in, and ${beyond} more`));
});

test('the page shows the file that it speaks of', () => {
    const [, shown] = page.match(/^```ts\n([^]*?)^```/m);
    assert.deepEqual(code(shown), inPages(['auth.ts']));
});

test('the pictures are there, small, and each is shown', () => {
    const folder = join(repository, 'docs/screenshots');
    const files = readdirSync(folder);
    const shown = [...page.matchAll(/screenshots\/([\w-]+\.png)/g)].map(([, name]) => name);
    assert.deepEqual(files.toSorted(), shown.toSorted());
    const sizes = files.map((name) => statSync(join(folder, name)).size);
    assert.ok(sizes.every((size) => size < 100_000), String(sizes));
    assert.ok(sizes.reduce((sum, size) => sum + size) < 600_000, String(sizes));
});

test('what the README installs is what this is tested with', () => {
    assert.ok(typed().includes('npm install'));
    const { dependencies, devDependencies } = JSON.parse(text('examples/notes/package.json'));
    const pinned = JSON.parse(text('tests/node/package.json')).dependencies;
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        assert.equal(version, pinned[name], name);
    }
    const required = text('examples/notes/requirements.txt').trim().split('\n');
    const installed = text('tests/python/requirements.txt').split('\n');
    for (const line of required) assert.ok(installed.includes(line), line);
});
