// Bundles what a page imports, each by itself, and prints what is left of it.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { bundled, sizesOf } from '../../clients/testing/bundle.mjs';

const peers = resolve(process.argv[2]);
const sources = resolve(import.meta.dirname, '../../clients/js/src');
const { build } = createRequire(join(peers, 'package.json'))('esbuild');

const version = (name) => JSON.parse(readFileSync(join(peers, 'node_modules', name, 'package.json'), 'utf8')).version;
const own = (entry, names) => [
    `@keyward/client${entry && `/${entry}`}`, `export ${names} from '${sources}/${entry || 'index'}.ts'`,
];
const peer = (name, path, names) => [`${name} ${version(name)}`, `export { ${names} } from '${path}'`];

const rows = [
    own('', '*'),
    own('storage', '{ keptIn }'),
    own('passkeys', '{ passkeys }'),
    own('factors', '{ factors }'),
    own('dpop', '{ dpopKey }'),
    own('react', '{ useKeyward }'),
    own('vue', '{ useKeyward }'),
    peer('better-auth', 'better-auth/client', 'createAuthClient'),
    peer('oidc-client-ts', 'oidc-client-ts', 'UserManager'),
    peer('supertokens-website', 'supertokens-website', 'default'),
    peer('@supabase/auth-js', '@supabase/auth-js', 'AuthClient'),
];

const row = (name, files) => {
    const { minified, gzipped } = sizesOf(files);
    console.log(`| ${name} | ${minified} | ${gzipped} |`);
};

console.log('| imported from | minified, bytes | and gzipped, bytes |\n|---|---:|---:|');
for (const [name, contents] of rows) {
    const { eager, lazy } = await bundled(build, contents, peers);
    row(name, eager);
    if (lazy.length) row(`${name}, what is loaded when it is called`, lazy);
}
