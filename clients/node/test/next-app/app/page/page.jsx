import { identify } from '@keyward/node/next';
import { headers } from 'next/headers';
import { verifier } from '../../verifier.js';

export default async function Page() {
    const who = await identify(verifier, await headers());
    if (who instanceof Response) return <p>Please sign in.</p>;
    return <p>{`username: ${who.username}`}</p>;
}
