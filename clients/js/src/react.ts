// Who is signed in, for React components.
import { useSyncExternalStore } from 'react';

import { UNKNOWN } from './identity.js';
import type { Client, State } from './types.js';

/** Renders anew at each change. On a server it is unknown. */
export const useKeyward = (client: Client): State =>
    useSyncExternalStore(client.onChange, () => client.state, () => UNKNOWN);
