import { guard } from '@keyward/node/next';
import { verifier } from '../../../verifier.js';

// What this says of caches is a mistake.
const headers = { 'cache-control': 'public, s-maxage=600' };

export const GET = guard(verifier, (request, identity) => Response.json({ name: identity.username }, { headers }));
