// Asks the two services, with JSON in and out, as the user who is signed in.
import { keyward } from './auth';
import { proving } from './proving';

const WORDS: Record<string, string> = {
    insufficient_role: 'This is for admins alone.',
    rate_limited: 'That was a lot at once. Please wait a moment.',
};

export const ask = <T>(method: string, path: string, body?: object): Promise<T> => proving(async () => {
    const headers = body ? { 'content-type': 'application/json' } : undefined;
    const answer = await keyward.fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(WORDS[said.code] ?? said.detail ?? `Please try again: the server said ${answer.status}.`);
    return said;
});
