// The usual recipe, that Keyward is compared with: Express, jsonwebtoken, and redis for all that is kept.
// It is told by the environment: PORT, REDIS_PORT, KEY_FILE (PKCS#8 PEM, P-256), PASSWORD, LIMIT.
import { createPrivateKey, createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hash, verify } from '@node-rs/argon2';
import express from 'express';
import jwt from 'jsonwebtoken';
import { createClient } from 'redis';

const { PORT, REDIS_PORT, KEY_FILE, PASSWORD, LIMIT } = process.env;
const ACCESS_TTL = 900;
const REFRESH_TTL = 604800;
const WINDOW = 60;
// argon2id as Keyward has it; 2 is its number in the package's enumeration, which is none at run time.
const ARGON2ID = { algorithm: 2, memoryCost: 19456, timeCost: 2, parallelism: 1 };
const signingKey = createPrivateKey(readFileSync(KEY_FILE));
const publicKey = createPublicKey(signingKey);
const expected = { algorithms: ['ES256'] };
const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'peer' }] };
const users = new Map([['bench', { id: randomUUID(), hash: await hash(PASSWORD, ARGON2ID) }]]);
const redis = await createClient({ socket: { host: '127.0.0.1', port: REDIS_PORT } }).connect();
const app = express();
app.use(express.json());

async function issue(response, user, sid) {
    const claims = { sub: user, sid, jti: randomUUID() };
    const access = jwt.sign(claims, signingKey, { algorithm: 'ES256', expiresIn: ACCESS_TTL, keyid: 'peer' });
    const refresh = randomBytes(32).toString('base64url');
    await redis.setEx(`refresh:${refresh}`, REFRESH_TTL, `${user} ${sid}`);
    response.json({ access_token: access, token_type: 'Bearer', expires_in: ACCESS_TTL, refresh_token: refresh });
}

/** What a request's token says, if it is good; else the answer is 401 and there is nothing. */
function claimsOf(request, response) {
    try {
        return jwt.verify(request.headers.authorization?.split(' ')[1], publicKey, expected);
    } catch {
        response.status(401).json({ code: 'token_invalid' });
    }
}

app.post('/v1/login', async (request, response) => {
    const user = users.get(request.body.username);
    if (!user || !(await verify(user.hash, request.body.password))) {
        return response.status(401).json({ code: 'invalid_credentials' });
    }
    await issue(response, user.id, randomUUID());
});

app.post('/v1/refresh', async (request, response) => {
    const session = await redis.getDel(`refresh:${request.body.refresh_token}`);
    if (!session) return response.status(401).json({ code: 'refresh_invalid' });
    await issue(response, ...session.split(' '));
});

app.post('/v1/logout', async (request, response) => {
    const claims = claimsOf(request, response);
    if (!claims) return;
    const left = Math.max(1, claims.exp - Math.floor(Date.now() / 1000));
    await redis.setEx(`blacklist:${claims.jti}`, left, 'logout');
    response.status(204).end();
});

app.all('/v1/check', async (request, response) => {
    const claims = claimsOf(request, response);
    if (!claims) return;
    const rate = `rate:session:${claims.sid}`;
    // Both go out in one write.
    const [revoked, count] = await Promise.all([redis.exists(`blacklist:${claims.jti}`), redis.incr(rate)]);
    if (count === 1) await redis.expire(rate, WINDOW);
    if (revoked) return response.status(401).json({ code: 'token_revoked' });
    if (count > Number(LIMIT)) return response.status(429).set('Retry-After', `${WINDOW}`).json({ code: 'rate_limited' });
    response.set({ 'X-Auth-User': claims.sub, 'X-Auth-Session': claims.sid, 'Cache-Control': 'no-store' }).end();
});

app.post('/oauth/introspect', express.urlencoded(), async (request, response) => {
    const inactive = () => response.json({ active: false });
    let claims;
    try {
        claims = jwt.verify(request.body.token, publicKey, expected);
    } catch {
        return inactive();
    }
    if (await redis.exists(`blacklist:${claims.jti}`)) return inactive();
    response.json({ active: true, token_type: 'Bearer', ...claims });
});

app.get('/.well-known/jwks.json', (_, response) => {
    response.set('Cache-Control', 'public, max-age=300').json(jwks);
});

app.listen(PORT, '127.0.0.1');
