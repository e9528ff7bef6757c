// Requests as the user: where a token goes to, and what an answer 401 means.
import { NotSignedIn, Refused, StepUpRequired } from './errors.js';
import type { Identity } from './identity.js';
import type { Session } from './session.js';
import type { Client, Options } from './types.js';
import { parsed, type Json, type Wire } from './wire.js';

/** A 401 in Keyward's words, and the challenge of RFC 9470 that came with it. */
interface Refusal {
    status: number;
    code: string | null;
    challenge: string | null;
}

function stepUpOf({ code, challenge }: Partial<Refusal>): StepUpRequired | null {
    if (!/insufficient_user/.test(`${code} ${challenge}`)) return null;
    const age = /max_age="?(\d+)/.exec(challenge!)?.[1];
    const acr = /acr_values="?([^",]+)/.exec(challenge!)?.[1] ?? null;
    return new StepUpRequired(undefined, { acr, maxAge: age ? +age : null });
}

export function createRequests(options: Options, wire: Wire, identity: Identity, session: Session, hint: () => void) {
    /** Sends with the token of now, and once more where that is stale. */
    async function asUser<T extends Partial<Refusal>>(
        send: (token: string | null) => Promise<T>, isAnyGood?: boolean,
    ): Promise<T> {
        const own = identity.guard();
        for (let isRetry = false; ; isRetry = true) {
            const token = await session.access(isAnyGood);
            own();
            const answer = await send(token);
            own();
            if (answer.status !== 401) return answer;
            const stepUp = stepUpOf(answer);
            if (stepUp) throw stepUp;
            const isStale = /^token_(exp|out)/.test(answer.code!);
            if (!isStale) hint();
            if (!isStale || isRetry || !session.drop(token)) return answer;
        }
    }

    /** Asks Keyward, as nobody where nobody is signed in. */
    async function ask(method: string, path: string, body?: object): Promise<Json> {
        // What is done by hand is tried again by hand.
        const send = (token: string | null) => wire[method === 'POST' ? 'ask' : 'insist']({ method, path, body, token });
        // A sign-out waits for no refresh: a token that is over names its session, too.
        const answer = await asUser(send, path === '/v1/logout');
        if (answer.code === 'token_missing') throw new NotSignedIn();
        if (answer.code) throw new Refused(answer.detail, answer);
        if (path === '/v1/step-up') session.hold(answer);
        return answer.json;
    }

    const request: Client['fetch'] = async (input, init) => {
        const asked = new Request(input, init);
        const { redirect, credentials, url } = asked;
        const here = globalThis.location?.origin;
        const origin = new URL(url).origin;
        const isListed = [new URL(wire.url('/')).origin, here, ...(options.origins ?? [])].includes(origin);
        if (!isListed || asked.headers.has('authorization')) return wire.fetched(asked);
        // To the page's own origin, the browser lets the cookie go by itself; elsewhere, only where that is said.
        const isElsewhere = options.transport === 'session' && origin !== here;
        const { answer } = await asUser(async (token) => {
            const one = asked.clone();
            if (token) one.headers.set('authorization', `Bearer ${token}`);
            const answer = await wire.fetched(one, {
                // Whether a redirect takes the token along is up to whoever follows it, and a cookie goes to all ports of
                // a host. So nobody does.
                redirect: redirect === 'follow' && (token || isElsewhere) ? 'error' : redirect,
                credentials: isElsewhere ? 'include' : credentials,
            });
            const { status, headers } = answer;
            // What the API, or the gateway before it, says of the token.
            const code = headers.get('x-auth-reason')
                ?? (status === 401 && parsed(await answer.clone().text())?.['code']);
            return { answer, status, code: code as string, challenge: headers.get('www-authenticate') };
        });
        return answer;
    };

    return { ask, request };
}
