// Run by bench/middleware/node: the same server without the middleware, deciding by itself, and asking the check, in turn,
// each a process of its own, under the same load.
import { serve } from '@hono/node-server';
import { createVerifier } from '@keyward/node';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';

import { freePort, guarded, Keyward, PASSWORD, until } from './testing/keyward.mjs';

const MODES = ['without', 'local', 'check'];
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS_EACH ?? 3);
/** The kernel counts processor time in these, in microseconds. */
const TICK = 10_000;
const answer = { hello: 'world' };

const SERVERS = {
    async express(guards, port) {
        const { guard } = await import('@keyward/node/express');
        const app = express();
        app.get('/', ...guards(guard), (_, response) => response.json(answer));
        app.listen(port, '127.0.0.1');
    },
    async fastify(guards, port) {
        const { guard } = await import('@keyward/node/fastify');
        const app = Fastify();
        app.get('/', { onRequest: guards(guard) }, async () => answer);
        await app.listen({ port, host: '127.0.0.1' });
    },
    async hono(guards, port) {
        const { guard } = await import('@keyward/node/hono');
        const app = new Hono();
        app.get('/', ...guards(guard), (c) => c.json(answer));
        serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
    },
    async http(guards, port) {
        const { identify, tie } = await import('@keyward/node/http');
        const [ask] = guards((verifier) => (incoming) => identify(verifier, incoming));
        createServer(async (incoming, response) => {
            const who = await ask?.(incoming);
            if (who instanceof Response) return response.writeHead(who.status).end();
            if (who) tie(who, response);
            response.end(JSON.stringify(answer));
        }).listen(port, '127.0.0.1');
    },
};

async function begin(framework, mode, keyward) {
    const port = await freePort();
    const { url, checkUrl, secrets: { api } } = keyward;
    const env = { ...process.env, NODE_ENV: 'production', OPTIONS: JSON.stringify({ url, checkUrl, app: 'api', secret: api, mode }) };
    const server = await guarded(process.execPath, ['node.mjs', 'serve', framework, mode, port], { env });
    const at = `http://127.0.0.1:${port}/`;
    await until(() => fetch(at).then(() => true, () => false), `${framework} is ready`);
    return { framework, mode, at, server, rates: [], costs: [] };
}

/** The processor time of a process, in microseconds. */
function cpuOf(pid) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK;
}

async function load(one, token, seconds) {
    const before = cpuOf(one.server.pid);
    const args = ['-t1', '-c16', `-d${seconds}s`, '-H', `Authorization: Bearer ${token}`, one.at];
    const { stdout } = await promisify(execFile)('wrk', args);
    if (/Non-2xx/.test(stdout)) throw new Error(`${one.framework}, ${one.mode}: ${stdout}`);
    const requests = Number(/(\d+) requests in/.exec(stdout)[1]);
    return { rate: Number(/Requests\/sec: +([\d.]+)/.exec(stdout)[1]), cost: (cpuOf(one.server.pid) - before) / requests };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function measure(keyward) {
    const signedIn = await fetch(`${keyward.url}/v1/login`, {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'anna', password: PASSWORD }),
    });
    const { access_token: token } = await signedIn.json();
    console.log('| server | middleware | req/s | ÷ without | CPU µs | more than without |\n|---|---|---:|---:|---:|---:|');
    for (const framework of Object.keys(SERVERS)) {
        const all = [];
        for (const mode of MODES) all.push(await begin(framework, mode, keyward));
        for (const one of all) await load(one, token, 1);
        for (let round = 0; round < ROUNDS; round++) {
            for (const one of all) {
                const { rate, cost } = await load(one, token, SECONDS);
                one.rates.push(rate);
                one.costs.push(cost);
            }
        }
        all.forEach((one) => print(one, all[0]));
        for (const { server } of all) await server.stop();
    }
}

function print({ framework, mode, rates, costs }, without) {
    const ratio = median(rates.map((rate, round) => rate / without.rates[round]));
    const more = median(costs.map((cost, round) => cost - without.costs[round]));
    const figures = [median(rates).toFixed(0), ratio.toFixed(2), median(costs).toFixed(0), more.toFixed(0)];
    console.log(`| ${framework} | ${mode} | ${figures.join(' | ')} |`);
}

const [word, framework, mode, port] = process.argv.slice(2);
if (word === 'serve') {
    const verifier = mode === 'without' ? undefined : createVerifier(JSON.parse(process.env.OPTIONS));
    await verifier?.ready();
    await SERVERS[framework]((guard) => (verifier ? [guard(verifier)] : []), Number(port));
} else {
    const settings = { RATE_LIMIT_SESSION_REQUESTS: 1_000_000_000 };
    const keyward = await Keyward.start({ apps: { api: 'confidential' }, settings });
    await measure(keyward).finally(() => keyward.stop());
}
