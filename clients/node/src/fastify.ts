// Fastify: `app.addHook('onRequest', guard(verifier))`, or `{ onRequest: guard(verifier, { role }) }` of a route.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { dropIdentityHeaders, identify, tie } from './http.js';
import type { Identity } from './identity.js';
import { checked, type Rules } from './request.js';
import type { Verifier } from './verifier.js';

export { onUpgrade } from './http.js';
export { createVerifier } from './verifier.js';

declare module 'fastify' {
    interface FastifyRequest {
        /** Who asks; there behind `guard` alone. */
        identity: Identity;
    }
}

/** Lets a request go on with `request.identity`, or answers it. */
export function guard(verifier: Verifier, rules: Rules = {}) {
    checked(rules);
    return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
        const who = await identify(verifier, request.raw, rules, request.ip);
        if (who instanceof Response) {
            return reply.code(who.status).headers(Object.fromEntries(who.headers)).send(await who.text());
        }
        dropIdentityHeaders(request.raw);
        request.identity = who;
        tie(who, reply.raw);
        return undefined;
    };
}
