import { guard } from '@keyward/node/next';
import { verifier } from '../../verifier.js';

// No proxy stands in front of this.
export const GET = guard(verifier, (request, identity) => Response.json({ username: identity.username }));
