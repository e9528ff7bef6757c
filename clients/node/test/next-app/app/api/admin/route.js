import { guard } from '@keyward/node/next';
import { verifier } from '../../../verifier.js';

export const GET = guard(verifier, () => new Response('secret'), { role: 'admin' });
