// Who is signed in, for Vue components.
import { getCurrentScope, onScopeDispose, shallowReadonly, shallowRef, type ShallowRef } from 'vue';

import type { Client, State } from './types.js';

/** A ref that follows the state for as long as its scope lives. On a server it stays unknown. */
export function useKeyward(client: Client): Readonly<ShallowRef<State>> {
    const state = shallowRef(client.state);
    if (typeof window !== 'undefined' || !getCurrentScope()) {
        const forget = client.onChange((next) => { state.value = next; });
        if (getCurrentScope()) onScopeDispose(forget);
    }
    return shallowReadonly(state);
}
