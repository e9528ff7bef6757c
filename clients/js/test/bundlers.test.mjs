// What bundlers make of the package: the core, and what it loads when that is called, run as it comes out of each.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { build } from 'esbuild';
import { build as buildByVite } from 'vite';
import { Keyward, PASSWORD } from '../testing/keyward.mjs';

const PROGRAM = `
    import { createClient } from '@keyward/client';
    const client = createClient({ baseUrl: process.argv[2], transport: 'body', poll: 0 });
    await client.signIn({ username: 'anna', password: '${PASSWORD}' });
    const [{ current }] = await client.sessions.list();
    const { status, code } = await client.stepUp({ password: 'wrong' });
    console.log(JSON.stringify([current, status, code, client.passkeys.isSupported(), (await client.passkeys.list()).length]));
    await client.signOut();
`;

let keyward, folder;
before(async () => {
    keyward = await Keyward.start();
    folder = mkdtempSync(join(import.meta.dirname, '../bundled-'));
    writeFileSync(join(folder, 'program.mjs'), PROGRAM);
});
after(async () => {
    rmSync(folder, { recursive: true });
    await keyward.stop();
});

const entry = () => join(folder, 'program.mjs');
const esbuild = (options) => (outdir) => build({ entryPoints: [entry()], bundle: true, minify: true, format: 'esm', outdir, ...options });

/** Each makes `program.js` in a folder; with it, how many files there are then. */
const bundlers = {
    'Node alone': [(outdir) => build({ entryPoints: [entry()], format: 'esm', outdir }), 1],
    'esbuild': [esbuild({}), 1],
    'esbuild, splitting': [esbuild({ splitting: true }), 2],
    'Vite': [(outDir) => buildByVite({
        root: folder, logLevel: 'error', configFile: false,
        build: { outDir, target: 'es2022', rollupOptions: { input: entry(), output: { entryFileNames: 'program.js', chunkFileNames: '[name].js' } } },
    }), 2],
};

for (const [name, [bundle, files]] of Object.entries(bundlers)) {
    test(`${name}: what is loaded when it is called is there`, async () => {
        const out = join(folder, name.replaceAll(/\W/g, '-'));
        await bundle(out);
        assert.equal(readdirSync(out).filter((file) => file.endsWith('.js')).length, files);
        const { stdout } = await promisify(execFile)('node', [join(out, 'program.js'), keyward.url], { timeout: 30_000 });
        assert.deepEqual(JSON.parse(stdout), [true, 'refused', 'wrong_password', false, 0]);
    });
}
