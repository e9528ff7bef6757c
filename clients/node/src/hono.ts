// Hono: `app.use('/api/*', guard(verifier))`.
import type { MiddlewareHandler } from 'hono';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from './identity.js';
import { checked, type Rules } from './request.js';
import type { Verifier } from './verifier.js';
import { tied } from './web.js';

export { createVerifier } from './verifier.js';

/** What `@hono/node-server` puts beside a request. */
type OnNode = Partial<{ incoming: IncomingMessage; outgoing: ServerResponse }> | undefined;

/** Lets a request go on with `c.get('identity')`, or answers it. */
export function guard(verifier: Verifier, rules: Rules = {}): MiddlewareHandler<{ Variables: { identity: Identity } }> {
    checked(rules);
    return async (c, next) => {
        const { incoming, outgoing } = (c.env as OnNode) ?? {};
        const who = await verifier.verify(c.req.raw, rules, { address: incoming?.socket.remoteAddress });
        if (who instanceof Response) return who;
        outgoing?.once('close', () => who.release());
        c.set('identity', who);
        await next();
        // What becomes a WebSocket is no answer.
        if (c.req.header('upgrade') === undefined) {
            const answer = tied(who, c.res);
            // Else Hono would put the headers of before in the place of the new ones.
            c.res = undefined;
            c.res = answer;
        }
        return undefined;
    };
}
