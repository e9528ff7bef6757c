// The package as it is installed: how large, what is in it, what its types say, and what it touches.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { build } from 'esbuild';

import { bundled, sizesOf } from '../testing/bundle.mjs';

const project = join(import.meta.dirname, '..');
const folder = join(project, 'node_modules/@keyward/client');
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json')
    .map((name) => join('@keyward/client', name));

const made = (contents) => bundled(build, contents, project);
const sizeOf = async (contents) => sizesOf((await made(contents)).eager).gzipped;

test('the core with its error classes is at most 4,000 bytes, minified and gzipped', async () => {
    const size = await sizeOf(`export * from '@keyward/client'`);
    assert.ok(size > 3_000 && size <= 4_000, `${size} bytes`);
});

test('what few pages call is one file more, and nothing of the core is cut out for it', async () => {
    const { eager, lazy } = await made(`export * from '@keyward/client'`);
    assert.deepEqual([eager.length, lazy.length], [1, 1]);
    assert.ok(sizesOf(lazy).gzipped < 1_500);
    assert.match(lazy[0].text, /credentials\.get/);
    assert.doesNotMatch(eager[0].text, /credentials\.get/);
});

test('what is not imported is not in the bundle', async () => {
    assert.ok(await sizeOf(`export { Unavailable } from '@keyward/client'`) < 300);
    for (const name of ['react', 'vue', 'factors', 'storage']) {
        assert.ok(await sizeOf(`export * from '@keyward/client/${name}'`) < 800, name);
    }
    for (const name of ['passkeys', 'dpop']) {
        assert.ok(await sizeOf(`export * from '@keyward/client/${name}'`) < 1_500, name);
    }
});

test('it has no dependency, and no files but what it says', () => {
    assert.equal(manifest.dependencies, undefined);
    assert.ok(Object.values(manifest.peerDependenciesMeta).every(({ optional }) => optional));
    const files = readdirSync(folder, { recursive: true }).filter((name) => name.includes('.') || /LICENSE/.test(name));
    const other = files.filter((name) => !/^dist\/[a-z]+\.(js|d\.ts)$/.test(name));
    assert.deepEqual(other.sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json']);
    for (const { types, default: code } of Object.values(manifest.exports).filter((entry) => entry.types)) {
        assert.ok(files.includes(types.slice(2)) && files.includes(code.slice(2)), code);
    }
});

test('its types say what it does', () => {
    const own = mkdtempSync(join(project, 'types-'));
    const block = (name) => readFileSync(join(folder, 'README.md'), 'utf8')
        .match(new RegExp(`type ${name} =[^\`]*`))[0].replaceAll(`type ${name} `, `type Page${name} `);
    writeFileSync(join(own, 'consumer.ts'), `
        import { createClient, Unavailable, type Attempt, type Passkeys, type SignInResult, type State, type StepUpResult, type User } from '@keyward/client';
        import { dpopKey } from '@keyward/client/dpop';
        import { factors } from '@keyward/client/factors';
        import { passkeys } from '@keyward/client/passkeys';
        import { useKeyward } from '@keyward/client/react';
        import { keptIn } from '@keyward/client/storage';
        import { useKeyward as useInVue } from '@keyward/client/vue';

        ${['SignInResult', 'State', 'StepUpResult'].map(block).join('\n')}
        export const pages: [PageSignInResult, PageState, PageStepUpResult] = [{} as SignInResult, {} as State, {} as StepUpResult];
        export const types: [SignInResult, State, StepUpResult] = [{} as PageSignInResult, {} as PageState, {} as PageStepUpResult];

        export const client = createClient({
            baseUrl: 'https://auth.example.com', app: 'web', transport: 'body', origins: ['https://api.example.com'],
            storage: keptIn(localStorage), dpop: dpopKey(), fetch, poll: 0,
        });
        export async function signIn(): Promise<string | null> {
            const result = await client.signIn({ username: 'anna', password: 'x' });
            if (result.status === 'mfa-required') return (await client.answer(result.attempt, { totp: '1' })).status;
            return result.status === 'signed-in' ? result.user.username : result.code;
        }
        export const later = (error: unknown): number | null => (error instanceof Unavailable ? error.retryAfter : null);
        export const name = (): string | undefined => useKeyward(client).user?.username ?? useInVue(client).value.user?.id;
        export const codes = async (): Promise<readonly string[] | undefined> => (await factors(client).totp.confirm('1')).recovery_codes;
        export const eager: Passkeys = passkeys(client);
        export const passkey = async (): Promise<SignInResult> => (client.passkeys.isSupported() ? client.passkeys.signIn() : eager.signIn());
        export const others = async (): Promise<number> => (await client.sessions.list()).length + await client.sessions.endOthers();
        export const stop: () => void = client.onChange((state) => state.status === 'signed-out' && state.reason);
        // @ts-expect-error: there is no such transport
        createClient({ transport: 'cookies' });
        // @ts-expect-error: it is not known who that is
        export const user: User = client.state.user;
        // @ts-expect-error: a storage is wrapped first
        createClient({ transport: 'body', storage: localStorage });
    `);
    const options = ['--noEmit', '--strict', '--module', 'NodeNext', '--target', 'ES2022', '--lib', 'ES2023,DOM,DOM.Iterable', '--skipLibCheck', 'false', '--types', ''];
    const checked = spawnSync('tsc', [...options, join(own, 'consumer.ts')], { cwd: project, encoding: 'utf8' });
    rmSync(own, { recursive: true });
    assert.equal(checked.stdout, '');
    assert.equal(checked.status, 0);
});

test('importing it, and making a client, touches nothing of a browser', () => {
    const forbidden = ['window', 'document', 'location', 'indexedDB', 'localStorage', 'BroadcastChannel', 'addEventListener', 'fetch', 'navigator'];
    const code = `
        await Promise.all([import('react'), import('vue')]);
        for (const name of ${JSON.stringify(forbidden)}) {
            Object.defineProperty(globalThis, name, { configurable: true, get() { throw new Error(name + ' was touched'); } });
        }
        ${entries.map((name) => `await import('${name}');`).join('\n')}
        const { createClient } = await import('@keyward/client');
        const { dpopKey } = await import('@keyward/client/dpop');
        for (const transport of ['session', 'cookie', 'body']) createClient({ transport, dpop: dpopKey() }).state;
    `;
    execFileSync('node', ['--input-type=module', '-e', code], { cwd: project });
});

test('a program that is done ends, whatever the client listens to', () => {
    const code = `
        import { createClient } from '@keyward/client';
        const client = createClient({ baseUrl: 'http://localhost:1', transport: 'body', storage: () => ({ read: () => null, write() {} }) });
        client.onChange(() => {});
        await client.whenReady();
    `;
    execFileSync('node', ['--input-type=module', '-e', code], { cwd: project, timeout: 20_000 });
});
