import { guard } from '@keyward/node/next';
import { verifier } from '../../../verifier.js';

const headers = { 'content-type': 'text/event-stream' };
const hello = new TextEncoder().encode('data: hello\n\n');

export const GET = guard(verifier, () => new Response(new ReadableStream({
    start: (stream) => stream.enqueue(hello),
}), { headers }));
