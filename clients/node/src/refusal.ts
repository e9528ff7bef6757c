// What a client is told that is not let in: problems (RFC 9457) with the codes, challenges and headers of Keyward's
// own check.

import type { Said } from './asking.js';

interface Problem {
    status: 401 | 403 | 503;
    detail: string;
    challenge?: string;
}

const REALM = 'Bearer realm="keyward"';
const INVALID = `${REALM}, error="invalid_token", error_description="the token is not valid now"`;

const PROBLEMS = {
    token_missing: { status: 401, detail: 'no credential was sent', challenge: REALM },
    token_invalid: { status: 401, detail: 'the token is not valid', challenge: INVALID },
    token_expired: { status: 401, detail: 'the token has expired', challenge: INVALID },
    token_revoked: { status: 401, detail: 'the token was revoked', challenge: INVALID },
    token_outdated: {
        status: 401, detail: "the user's roles have changed since the token was issued", challenge: INVALID,
    },
    insufficient_role: { status: 403, detail: 'a role is missing' },
    store_unavailable: { status: 503, detail: 'nobody can tell now who is signed in' },
} satisfies Record<string, Problem>;

export type Code = keyof typeof PROBLEMS;

const TITLES = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' };

function answer(code: string, { status, detail, challenge }: Problem, more: object = {}): Response {
    const headers = new Headers({
        'content-type': 'application/problem+json', 'cache-control': 'no-store', 'x-auth-reason': code,
    });
    if (challenge) headers.set('www-authenticate', challenge);
    if (status === 503) headers.set('retry-after', '1');
    const body = { type: `urn:keyward:problem:${code}`, title: TITLES[status], status, detail, code, ...more };
    return new Response(JSON.stringify(body), { status, headers });
}

/** `reason` is why a session ended, where that is known. */
export function refuse(code: Code, reason?: string): Response {
    return answer(code, PROBLEMS[code], reason === undefined ? {} : { reason });
}

/** RFC 9470 section 3: what sign-in would do. */
export function refuseSignIn(detail: string, wanted: string): Response {
    const code = 'insufficient_user_authentication';
    const challenge = `${REALM}, error="${code}", error_description="${detail}", ${wanted}`;
    return answer(code, { status: 401, detail, challenge });
}

const PASSED_ON = ['content-type', 'www-authenticate', 'retry-after', 'ratelimit', 'ratelimit-policy', 'x-auth-reason'];

/** What the check said, for the client. */
export function passedOn(said: Said): Response {
    const headers = new Headers({ 'cache-control': 'no-store' });
    for (const name of PASSED_ON) {
        const value = said.headers[name];
        if (value !== undefined) headers.set(name, String(value));
    }
    return new Response(said.body, { status: said.status, headers });
}
