// All that the pages know of Keyward.
import { createClient } from '@keyward/client';

/** One cookie that no script can read: there is nothing to keep and nothing to refresh. */
export const keyward = createClient({ app: 'notes', transport: 'session' });
