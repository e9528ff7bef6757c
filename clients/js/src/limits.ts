// How long, how often: in milliseconds, where nothing else is said.

/** An answer of Keyward's may take so long. */
export const TIMEOUT = 10_000;
/** Who waits for a next try is kept waiting no longer than this. */
export const PATIENCE = 5_000;
/** How often is tried what failed, until it is given up for now. */
export const TRIES = 4;
/** Nobody keeps away longer than this, in seconds, whatever the server or the device's clock says. */
export const LONGEST = 3_600;
/** After how much of its life another token is asked for. */
export const USED_UP = 0.9;
/** A token that is younger is not replaced for who calls it over: another would fare no better. */
export const YOUNG = 1_000;
/** How often a token of another process is taken up in one refresh. */
export const ROUNDS = 3;
/** However many hints come, the server is asked no more often than this. */
export const QUIET = 250;
/** Between two tries to learn who is signed in. */
export const PAUSE = 5_000;
/** Nobody waits longer than this for another tab. */
export const COURTESY = 1_000;
