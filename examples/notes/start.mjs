// Starts the whole product: Keyward, the two services, the pages and nginx in front. Ctrl-C ends all of it.
//
//     npm start
//     npm start -- --watch      # builds the pages again when a source changes
//
// PORT is nginx's port, and KEYWARD the binary. What is kept is in .run: accounts, sessions, keys and notes.
import { mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { makeAccounts, PASSWORD, settings } from './start/accounts.mjs';
import { writeGateway } from './start/gateway.mjs';
import { installPackages } from './start/packages.mjs';
import { buildPages } from './start/pages.mjs';
import { freePorts, isAnswered, service } from './start/services.mjs';

const here = import.meta.dirname;
const run = join(here, '.run');
const port = Number(process.env.PORT ?? 8000);
const url = `http://localhost:${port}`;
const [keywardPort, checkPort, managementPort, apiPort, insightsPort] = await freePorts(5);

mkdirSync(join(run, 'notes'), { recursive: true });
installPackages();
await buildPages(run, process.argv.includes('--watch'));
const keyward = settings({ run, url, port: keywardPort, check: checkPort, management: managementPort });
const secret = makeAccounts(run, keyward);
const gateway = writeGateway(run, { 8000: port, 8080: keywardPort, 8082: checkPort, 3000: apiPort, 3001: insightsPort });
const ofServices = {
    KEYWARD_URL: `http://127.0.0.1:${keywardPort}`, KEYWARD_SECRET: secret, NOTES: join(run, 'notes'),
};

service(process.env.KEYWARD ?? 'keyward', ['serve'], { cwd: run, env: keyward, log: join(run, 'keyward.log') });
service('node', ['server.mjs'], { cwd: join(here, 'api'), env: { ...ofServices, PORT: apiPort } });
service('python3', ['-m', 'uvicorn', '--port', insightsPort, '--log-level', 'warning', 'main:app'], {
    cwd: join(here, 'insights'),
    env: { ...ofServices, PYTHONPATH: [join(here, '.python'), process.env.PYTHONPATH].filter(Boolean).join(delimiter) },
});
await Promise.all([
    isAnswered(`http://127.0.0.1:${keywardPort}/healthz`),
    isAnswered(`http://127.0.0.1:${apiPort}/api/health`),
    isAnswered(`http://127.0.0.1:${insightsPort}/api/insights/health`),
]);
service('nginx', ['-p', run, '-c', gateway, '-e', 'stderr'], { cwd: run });
await isAnswered(url);

console.log(`
  Notes is at ${url}

      anna   ${PASSWORD}   an admin
      ben    ${PASSWORD}

  Ctrl-C ends it.
`);
