import { guard } from '@keyward/node/next';
import { verifier } from '../../../verifier.js';

const me = (request, identity) => Response.json({ ...identity, headers: {} });

export const GET = guard(verifier, me);
export const POST = guard(verifier, me);
