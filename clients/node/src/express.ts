// Express and what else speaks Connect: `app.use(guard(verifier))`.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dropIdentityHeaders, identify, send, tie } from './http.js';
import type { Identity } from './identity.js';
import { checked, type Rules } from './request.js';
import type { Verifier } from './verifier.js';

export { onUpgrade } from './http.js';
export { createVerifier } from './verifier.js';

declare global {
    namespace Express {
        interface Request {
            /** Who asks; there behind `guard` alone. */
            identity: Identity;
        }
    }
}

/** Express has the address of the client behind its trusted proxies. */
type Incoming = IncomingMessage & { ip?: string | undefined; identity?: Identity };

/** Lets a request go on with `request.identity`, or answers it. */
export function guard(verifier: Verifier, rules: Rules = {}) {
    checked(rules);
    return async (incoming: Incoming, response: ServerResponse, next: (error?: unknown) => void): Promise<void> => {
        try {
            const who = await identify(verifier, incoming, rules, incoming.ip);
            if (who instanceof Response) return await send(who, response);
            dropIdentityHeaders(incoming);
            incoming.identity = who;
            tie(who, response);
        } catch (error) {
            return next(error);
        }
        next();
    };
}
