// Who is signed in, as far as is known, and who listens to that.
import { NotSignedIn } from './errors.js';
import type { KnownState, State } from './types.js';

export const UNKNOWN: State = { status: 'unknown', user: null };

export type Listener = (state: KnownState) => void;

export interface Identity {
    state: State;
    /** Counts users: an answer to what was asked as an earlier one changes nothing. */
    epoch: number;
    listeners: Set<Listener>;
    set(next: KnownState): void;
    /** What throws once it is somebody else. */
    guard(): () => void;
}

export function createIdentity(): Identity {
    const identity: Identity = { state: UNKNOWN, epoch: 0, listeners: new Set(), set, guard };

    function emit(next: KnownState) {
        identity.state = next;
        // Each by itself: one that throws keeps nothing from the others, nor from who has called.
        for (const listener of identity.listeners) queueMicrotask(() => listener(next));
    }

    function set(next: KnownState) {
        const { state } = identity;
        if (state.user?.id !== next.user?.id) {
            if (state !== UNKNOWN) identity.epoch++;
            if (state.user && next.user) emit({ status: 'signed-out', user: null, reason: 'replaced' });
        } else if (state !== UNKNOWN && (!next.user || JSON.stringify(state) === JSON.stringify(next))) {
            // Who is signed out stays so for the reason of then.
            return;
        }
        emit(next);
    }

    function guard() {
        const { epoch } = identity;
        return () => {
            if (epoch !== identity.epoch) throw new NotSignedIn();
        };
    }

    return identity;
}
