// What a newcomer gets wrong is told at once, by name, and is never an open door.
import { createVerifier } from '@keyward/node';
import { guard as express } from '@keyward/node/express';
import { KeywardStore } from '@keyward/node/express-session';
import { guard as fastify } from '@keyward/node/fastify';
import { guard as hono } from '@keyward/node/hono';
import { createVerifier as forHttp, onUpgrade } from '@keyward/node/http';
import { guard as next } from '@keyward/node/next';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { freePort, Keyward, until } from '../testing/keyward.mjs';
import { listen, openSocket, signIn } from './support.mjs';

const PLACE = { url: 'http://127.0.0.1:1', app: 'api', secret: 'a secret' };

test('a rule that has lost its value, or has a strange one, is an error where it is written', () => {
    const verifier = createVerifier(PLACE);
    for (const rules of [
        { role: undefined }, { role: null }, { role: '' }, { role: [] }, { role: ['admin', ''] }, { role: 7 },
        { acr: undefined }, { acr: 2 }, { acr: '3' }, { maxAge: undefined }, { maxAge: NaN }, { maxAge: '300' },
        { maxAge: -1 }, { maxAge: 1.5 }, { maxAge: 2 ** 32 }, { constructor: 1 }, { roles: 'admin' },
    ]) {
        const wrong = new RegExp(`\`${Object.keys(rules)[0]}\``);
        for (const guard of [express, fastify, hono]) assert.throws(() => guard(verifier, rules), wrong);
        assert.throws(() => next(verifier, () => {}, rules), wrong);
        assert.throws(() => onUpgrade(createServer(), verifier, () => {}, rules), wrong);
    }
    for (const rules of [{ role: 'a' }, { role: ['a', 'b'], acr: '1' }, { maxAge: 0 }, {}]) express(verifier, rules);
    verifier.close();
});

test('a setting that is missing, or of another kind, is named', () => {
    for (const [wrong, message] of [
        [{ url: undefined }, /needs `url`/], [{ app: '' }, /needs `app`/], [{ secret: undefined }, /needs `secret`/],
        [{ url: 'localhost:8080' }, /`url` as http.*"localhost:8080"/], [{ url: 'auth.example.com' }, /`url`/],
    ]) {
        assert.throws(() => createVerifier({ ...PLACE, ...wrong }), message);
        assert.throws(() => new KeywardStore({ ...PLACE, ...wrong }), message);
    }
    assert.throws(() => forHttp({ ...PLACE, checkUrl: '/v1/check' }), /`checkUrl`/);
    // There Keyward would answer, and read no rules.
    for (const path of ['', '/', '/v1/check/', '/v1/check/x']) {
        assert.throws(() => forHttp({ ...PLACE, checkUrl: `http://127.0.0.1:8082${path}` }), /`checkUrl`/);
    }
    assert.throws(() => createVerifier({ ...PLACE, mode: 'jwks' }), /`mode` is 'check' or 'local'/);
});

test('a Keyward that is not there is told with what was tried', async (t) => {
    const errors = [];
    const url = `http://127.0.0.1:${await freePort()}`;
    const verifier = createVerifier({ ...PLACE, url, onError: ({ message }) => errors.push(message) });
    t.after(() => verifier.close());
    const headers = new Headers({ authorization: 'Bearer x' });
    for (let at = 0; at < 3; at++) assert.equal((await verifier.verify({ method: 'GET', headers })).status, 503);
    assert.equal(errors.length, 2);
    for (const what of ['the revocations cannot be followed', `the check at ${url}/v1/check cannot be asked`]) {
        const told = errors.find((error) => error.startsWith(what));
        assert.match(told, /ECONNREFUSED/);
    }
});

test('what is no stream of revocations is said to be none', async (t) => {
    const errors = [];
    const { url } = await listen(t, (_, response) => response.setHeader('content-type', 'text/html').end('<html>'));
    const verifier = createVerifier({ ...PLACE, url, mode: 'local', onError: ({ message }) => errors.push(message) });
    t.after(() => verifier.close());
    await verifier.ready();
    await until(() => errors.length);
    assert.match(errors[0], /HTTP 200 from http:.*\/v1\/revocations, which is no stream/);
    assert.equal(verifier.isTrusted, false);
});

test('what an app throws when a WebSocket opens is said, and ends that connection alone', async (t) => {
    const keyward = await Keyward.start({ apps: { api: 'confidential' } });
    t.after(() => keyward.stop());
    const verifier = createVerifier({ url: keyward.url, app: 'api', secret: keyward.secrets.api });
    t.after(() => verifier.close());
    const told = t.mock.method(console, 'error', () => {});
    const { http, url } = await listen(t, createServer());
    onUpgrade(http, verifier, () => { throw new TypeError('wss is not defined'); });
    const { access_token } = await signIn(keyward, 'anna');
    for (let at = 0; at < 2; at++) await assert.rejects(openSocket(url, access_token));
    assert.equal(told.mock.calls.length, 2);
    assert.match(String(told.mock.calls[0].arguments[1]), /wss is not defined/);
});

test('roles that an app adds to are not those of the next request', async (t) => {
    const keyward = await Keyward.start({ apps: { api: 'confidential' } });
    t.after(() => keyward.stop());
    const verifier = createVerifier({ url: keyward.url, app: 'api', secret: keyward.secrets.api, mode: 'local' });
    t.after(() => verifier.close());
    const { access_token } = await signIn(keyward, 'anna');
    const ask = (rules) => verifier.verify({ method: 'GET', headers: new Headers({ authorization: `Bearer ${access_token}` }) }, rules);
    const who = await ask();
    assert.throws(() => who.roles.push('admin'), TypeError);
    assert.throws(() => who.amr.push('otp'), TypeError);
    assert.equal((await ask({ role: 'admin' })).status, 403);
});
