// Next.js, App Router. The identity is checked where it is used, in the route handler or the page: a proxy (middleware)
// in front may be skipped (CVE-2025-29927), and is a courtesy.
import type { Identity } from './identity.js';
import { checked, type Asked, type Rules } from './request.js';
import { Verifier, type VerifierOptions } from './verifier.js';
import { tied } from './web.js';

const SHARED = Symbol.for('@keyward/node');
const shared = globalThis as { [SHARED]?: Map<string, Verifier> };

/** One for the process: Next loads a module once for each kind of route, and again when it changes. */
export function createVerifier(options: VerifierOptions): Verifier {
    const all = (shared[SHARED] ??= new Map());
    const key = JSON.stringify(options);
    const verifier = all.get(key) ?? new Verifier(options);
    all.set(key, verifier);
    return verifier;
}

/**
 * A route handler for those who are signed in: `export const GET = guard(verifier, (request, identity) => …)`. As a
 * proxy it refuses early, and replaces no check behind it. No answer of it is kept by a cache.
 */
export function guard<R extends Request, C = unknown>(
    verifier: Verifier,
    handler: (request: R, identity: Identity, context: C) => Response | Promise<Response>,
    rules: Rules = {},
): (request: R, context: C) => Promise<Response> {
    checked(rules);
    return async (request, context) => {
        const who = await verifier.verify(request, rules);
        return who instanceof Response ? who : tied(who, await handler(request, who, context));
    };
}

/**
 * Who asks for a page, or runs a server action: `await identify(verifier, await headers())`. To look at the headers makes
 * a page one of each request, that no cache keeps.
 */
export function identify(verifier: Verifier, headers: Asked['headers'], rules: Rules = {}) {
    // A page does not know its method; what carries a body may change something.
    const changes = ['content-type', 'next-action'].some((name) => headers.get(name) !== null);
    return verifier.verify({ method: changes ? 'POST' : 'GET', headers }, rules);
}
