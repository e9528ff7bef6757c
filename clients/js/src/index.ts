// The core: signing in and out, and requests as the user.
export { createClient } from './client.js';
export { KeywardError, NotSignedIn, Refused, StepUpRequired, Unavailable } from './errors.js';
export type * from './types.js';
