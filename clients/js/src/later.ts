// What few pages call, and is loaded when one does. Nothing of the core is imported here but its types: a bundler would
// cut what both need out of the core, for every page to load as one file more.
import type { Refused } from './errors.js';
import type { Client, Session, Sessions, StepUpProof, StepUpResult } from './types.js';

export { passkeys } from './passkeys.js';

interface Page {
    readonly sessions: Session[];
    readonly next_cursor: string | null;
}

export function sessions({ ask }: Client): Sessions {
    async function list(query = ''): Promise<Session[]> {
        const { sessions, next_cursor: next } = await ask<Page>('GET', `/v1/sessions${query}`);
        return next ? [...sessions, ...await list(`?cursor=${encodeURIComponent(next)}`)] : sessions;
    }

    return {
        list: () => list(),
        end: (id) => ask('DELETE', `/v1/sessions/${encodeURIComponent(id)}`),
        endOthers: async () => (await ask<{ ended: number }>('POST', '/v1/logout/all?keep=current')).ended,
    };
}

export function proofs({ ask }: Client) {
    return {
        async stepUp(proof: StepUpProof): Promise<StepUpResult> {
            try {
                const { acr, amr, auth_time } =
                    await ask<{ acr: string; amr: string[]; auth_time: number }>('POST', '/v1/step-up', proof);
                return { status: 'stepped-up', acr, amr, auth_time };
            } catch (error) {
                const { name, code, message: detail } = error as Refused;
                if (name !== 'Refused') throw error;
                return code === 'mfa_required' ? { status: 'mfa-required' } : { status: 'refused', code, detail };
            }
        },
    };
}
