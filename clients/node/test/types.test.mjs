// What a TypeScript app is told by the package's types: with each framework's own, at the compiler's strictest.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const OPTIONS = [
    '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'NodeNext', '--target', 'ES2023', '--types', 'node',
    '--skipLibCheck', 'false',
];

/** As README.md has it: what is missing is told by name when the program starts. */
const PLACE = `{ url: process.env.KEYWARD_URL, app: 'api', secret: process.env.KEYWARD_SECRET }`;

const APPS = {
    express: `
        import { createVerifier, guard, onUpgrade } from '@keyward/node/express';
        import express, { Router, type RequestHandler } from 'express';

        const verifier = createVerifier(${PLACE});
        const admin: RequestHandler = guard(verifier, { role: ['admin'], acr: '2', maxAge: 300 });
        const app = express().use('/api', guard(verifier)).use(Router().use(admin));
        app.get('/me', (request, response) => {
            request.identity.whenOver(({ code, reason }) => console.log(code, reason));
            response.json({ name: request.identity.username, is: request.identity.signal.aborted });
        });
        onUpgrade(app.listen(0), verifier, (identity, incoming, socket, head) => socket.end(identity.userId + incoming.url + head));
        // @ts-expect-error: there is no such rule
        guard(verifier, { roles: ['admin'] });
        // @ts-expect-error: a rule that is not there is left out
        guard(verifier, { role: undefined });
    `,
    'express-session': `
        import { KeywardStore, StoreError } from '@keyward/node/express-session';
        import session from 'express-session';

        declare module 'express-session' { interface SessionData { userId: string } }
        const store = new KeywardStore({ ...${PLACE}, userOf: ({ userId }) => userId });
        session({ store, secret: 'of the cookie' });
        store.get('a-sid', (error, found) => console.log(error instanceof StoreError && error.status, found?.userId));
        export const names = async (): Promise<string[]> => (await store.sessionsOf('anna')).map(({ userId }) => userId);
    `,
    fastify: `
        import { createVerifier, guard, onUpgrade } from '@keyward/node/fastify';
        import Fastify from 'fastify';

        const verifier = createVerifier(${PLACE});
        const app = Fastify().addHook('onRequest', guard(verifier));
        app.get<{ Params: { id: string } }>('/:id', { onRequest: guard(verifier, { role: 'admin' }) }, ({ params, identity }) =>
            params.id + identity.username);
        onUpgrade(app.server, verifier, () => {});
        Fastify({ http2: true }).addHook('onRequest', guard(verifier));
    `,
    hono: `
        import { createVerifier, guard } from '@keyward/node/hono';
        import { Hono } from 'hono';

        const app = new Hono().use('/api/*', guard(createVerifier(${PLACE})));
        app.get('/api/me', (c) => c.text(c.get('identity').username));
        new Hono<{ Variables: { mine: number } }>().get('/', (c) => c.json([c.get('mine'), c.var.identity.roles]));
    `,
    http: `
        import { SessionOver, type Facts } from '@keyward/node';
        import { createVerifier, identify, send } from '@keyward/node/http';
        import { createServer } from 'node:http';

        const verifier = createVerifier(${PLACE});
        createServer(async (incoming, response) => {
            const who = await identify(verifier, incoming, { role: 'admin' });
            if (who instanceof Response) return send(who, response);
            const facts: Facts = who;
            response.end(String(facts.expiresAt) + (who.signal.reason instanceof SessionOver));
        });
        export const asked = verifier.verify(new Request('http://api.example/'), { maxAge: 300 });
    `,
    next: `
        import { createVerifier, guard, identify } from '@keyward/node/next';
        import { NextResponse, type NextRequest } from 'next/server.js';

        const verifier = createVerifier(${PLACE});
        type Context = { params: Promise<{ id: string }> };
        export const GET = guard(verifier, async (request: NextRequest, identity, { params }: Context) =>
            NextResponse.json([request.nextUrl.pathname, identity.username, (await params).id]));
        export const route: (request: NextRequest, context: Context) => Promise<Response> = GET;
        export const who = async (headers: Headers) => identify(verifier, headers, { acr: '2' });
    `,
};

test('the types go with those of the frameworks', async (t) => {
    const folder = mkdtempSync(resolve('types-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    for (const [name, source] of Object.entries(APPS)) writeFileSync(join(folder, `${name}.ts`), source);
    const files = Object.keys(APPS).map((name) => join(folder, `${name}.ts`));
    const { stdout } = spawnSync('tsc', [...OPTIONS, ...files], { encoding: 'utf8' });
    // Next.js's own types do not hold among themselves.
    const told = stdout.split('\n').filter((line) => / error /.test(line) && !/node_modules\/(?!@keyward)/.test(line));
    assert.deepEqual(told, []);
});
