// Hono: `app.use('/api/*', guard(verifier))`.
import type { MiddlewareHandler } from 'hono';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { askedBy, releaseWith, tieSocket } from './http.js';
import type { Identity } from './identity.js';
import { checked, type Rules } from './request.js';
import type { Verifier } from './verifier.js';
import { tied } from './web.js';

export { createVerifier } from './verifier.js';

declare module 'hono' {
    interface ContextVariableMap {
        /** Who asks; there behind `guard` alone. */
        identity: Identity;
    }
}

/** What `@hono/node-server` puts beside a request; beside one that asks for a WebSocket, no `outgoing`. */
type OnNode = Partial<{ incoming: IncomingMessage; outgoing: ServerResponse }> | undefined;

/** Lets a request go on with `c.get('identity')`, or answers it. */
export function guard(verifier: Verifier, rules: Rules = {}): MiddlewareHandler {
    checked(rules);
    return async (c, next) => {
        const { incoming, outgoing } = (c.env as OnNode) ?? {};
        // By its own header anybody could say that there is nothing to end.
        const upgraded = outgoing ? undefined : incoming;
        const asked = upgraded ? askedBy(upgraded) : c.req.raw;
        const who = await verifier.verify(asked, rules, { address: incoming?.socket.remoteAddress });
        if (who instanceof Response) return who;
        if (outgoing) releaseWith(who, outgoing);
        c.set('identity', who);
        await next();
        if (upgraded) return tieSocket(who, upgraded.socket);
        const answer = tied(who, c.res);
        // Else Hono would put the headers of before in the place of the new ones.
        c.res = undefined;
        c.res = answer;
        return undefined;
    };
}
