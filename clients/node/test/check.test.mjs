// Attacks on what stands between an app and Keyward's check: whatever is answered in its place lets nobody in, signs
// nobody out, and does not take for ever.
import { createVerifier } from '@keyward/node';
import { identify } from '@keyward/node/http';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

import { Keyward } from '../testing/keyward.mjs';
import { Front } from './front.mjs';
import { listen, signIn } from './support.mjs';

async function begin(t, more = {}) {
    const keyward = await Keyward.start({ apps: { api: 'confidential' }, settings: { RATE_LIMIT_SESSION_REQUESTS: 100_000 } });
    t.after(() => keyward.stop());
    const front = await Front.before(t, keyward);
    const errors = [];
    const verifier = createVerifier({
        url: keyward.url, checkUrl: `${front.url}/v1/check`, app: 'api', secret: keyward.secrets.api,
        onError: ({ message }) => errors.push(message), ...more,
    });
    t.after(() => verifier.close());
    const { access_token: token } = await signIn(keyward, 'anna');
    return { keyward, front, verifier, errors, token };
}

const ask = (verifier, token) => verifier.verify({ method: 'GET', headers: new Headers({ authorization: `Bearer ${token}` }) });

const IDENTITY = { 'x-auth-user': 'root', 'x-auth-session': 's' };

const RUBBISH = {
    'a page that asks for a password': (answer) => answer.writeHead(401, { 'www-authenticate': 'Basic' }).end('<html>'),
    'a firewall': (answer) => answer.writeHead(403, { 'content-type': 'text/html' }).end('<html>'),
    'a proxy that has had enough': (answer) => answer.writeHead(429).end(),
    'a page that is not there': (answer) => answer.writeHead(404).end(),
    'a proxy that is spoken to by http in place of https': (answer) => answer.writeHead(400).end(),
    'a proxy that reads shorter headers': (answer) => answer.writeHead(431).end(),
    'a page to sign in at': (answer) => answer.writeHead(302, { location: '/', ...IDENTITY }).end(),
    'any page': (answer) => answer.writeHead(200).end('<html>'),
    'nobody': (answer) => answer.writeHead(200, { ...IDENTITY, 'x-auth-user': '' }).end(),
    'no session': (answer) => answer.writeHead(200, { 'x-auth-user': 'root' }).end(),
    'a name that cannot be read': (answer) => answer.writeHead(200, { ...IDENTITY, 'x-auth-username': '%zz' }).end(),
    'another success': (answer) => answer.writeHead(204, IDENTITY).end(),
    'a body that is cut': (answer) => answer.writeHead(200, { ...IDENTITY, 'content-length': 9 }).write('x', () => answer.destroy()),
    'a body that does not end': (answer) => answer.writeHead(200, IDENTITY).write('x'.repeat(100_000)),
    'a body that never comes': (answer) => answer.writeHead(200, IDENTITY).flushHeaders(),
    'no HTTP': (answer) => answer.socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
    'silence': () => {},
    'a connection that ends': (answer) => answer.destroy(),
};

test('what is no answer of the check is 503, in time, and told once', async (t) => {
    const { front, verifier, errors, token } = await begin(t, { timeout: 1000 });
    for (const [name, answer] of Object.entries(RUBBISH)) {
        front.instead = (_, response) => answer(response);
        const who = await ask(verifier, token);
        assert.ok(who instanceof Response, `${name} lets in`);
        assert.deepEqual([who.status, who.headers.get('retry-after')], [503, '1'], name);
        assert.equal((await who.json()).code, 'store_unavailable', name);
    }
    assert.equal(errors.length, 1);
    assert.match(errors[0], /^the check at http:.*\/v1\/check cannot be asked: HTTP 401/);
    front.instead = undefined;
    assert.equal((await ask(verifier, token)).username, 'anna');
});

test('a credential that no server reads is none', async (t) => {
    const { front, verifier } = await begin(t);
    for (const status of [400, 431]) {
        front.instead = (_, answer) => answer.writeHead(status).end();
        const who = await ask(verifier, 'x'.repeat(9000));
        assert.deepEqual([who.status, (await who.json()).code], [401, 'token_invalid']);
    }
});

test('a burst of requests waits for a few connections, and all are let in', async (t) => {
    const { front, verifier, token } = await begin(t, { timeout: 60_000 });
    const all = await Promise.all(Array.from({ length: 2000 }, () => ask(verifier, token)));
    assert.ok(all.every(({ username }) => username === 'anna'));
    t.diagnostic(`${front.connections} connections`);
    assert.ok(front.connections <= 128, `${front.connections} connections`);
});

test('both modes read a credential alike, however it is sent', async (t) => {
    const { keyward, verifier, token } = await begin(t);
    const local = createVerifier({ url: keyward.url, app: 'api', secret: keyward.secrets.api, mode: 'local' });
    t.after(() => local.close());
    const { cookie } = await signIn(keyward, 'anna', 'session');
    const { http } = await listen(t, async (incoming, response) => {
        const who = await identify(incoming.url === '/local' ? local : verifier, incoming);
        response.end(who instanceof Response ? `${who.status} ${who.headers.get('x-auth-reason')}` : who.username);
    });
    /** As it goes over the wire: no client would send some of them. */
    const say = (path, lines) => new Promise((done) => {
        let said = '';
        const socket = connect(http.address().port).on('data', (part) => { said += part; });
        socket.on('end', () => done(said.split('\r\n\r\n')[1]));
        socket.write(Buffer.from(['GET ' + path + ' HTTP/1.1', 'host: x', 'connection: close', ...lines, '', ''].join('\r\n'), 'latin1'));
    });
    const bearer = `Authorization: Bearer ${token}`;
    for (const [expected, ...lines] of [
        ['anna', bearer], ['anna', `AUTHORIZATION: BEARER ${token} `], ['anna', `Cookie: a=\xe9;${cookie}`],
        ['anna', 'Authorization: Basic YTpi', `Cookie: ${cookie}`], ['anna', 'Authorization:', `Cookie: ${cookie}`],
        ['401 token_missing', 'Authorization: Basic YTpi'], ['401 token_missing', `Authorization: DPoP ${token}`],
        ['401 token_missing', 'Authorization:'], ['401 token_missing', `Authorization: Bearer\t${token}`],
        ['401 token_missing', `Authorization: ${token}`], ['401 token_missing', `X-Authorization: Bearer ${token}`],
        ['401 token_missing', `Cookie: __Host-${cookie}`], ['401 token_missing', `Cookie: ${cookie.toUpperCase()}`],
        ['401 token_invalid', bearer, bearer], ['401 token_invalid', 'Authorization: Basic YTpi', bearer],
        ['401 token_invalid', `Authorization: Basic YTpi, Bearer ${token}`], ['401 token_invalid', `${bearer}, Basic YTpi`],
        ['401 token_invalid', `Authorization: Bearer  ${token}`], ['401 token_invalid', `${bearer}==`],
        ['401 token_invalid', 'Authorization: Bearer', `Cookie: ${cookie}`], ['401 token_invalid', 'Authorization: Bearer \xe9'],
        ['401 invalid_request', `Cookie: ${cookie}`, `Cookie: ${cookie}`],
    ]) {
        assert.deepEqual([await say('/check', lines), await say('/local', lines)], [expected, expected], lines.join('\n'));
    }
});
