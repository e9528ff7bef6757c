// `@keyward/node`: who asks, for servers on Node. The skins of frameworks are entry points of their own.
export { Identity, SessionOver, type Facts } from './identity.js';
export type { Asked, Client, Rules } from './request.js';
export { createVerifier, Verifier, type VerifierOptions } from './verifier.js';
