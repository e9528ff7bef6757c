// What the client throws. A sign-in that is refused is a result, and nothing of these.

/** Of all that the client throws by itself. */
export class KeywardError extends Error {
    constructor(detail?: string, members?: object) {
        super(detail);
        Object.assign(this, { status: 0, code: null, retryAfter: null }, members);
    }
}

/**
 * Keyward could not be asked, or could not say: no network, 429, 5xx, or somebody else answered. Nothing becomes of
 * the session by it.
 */
export class Unavailable extends KeywardError {
    override name = 'Unavailable';
    /** 0 where nothing usable came. */
    declare readonly status: number;
    /** When to come back, in seconds, where the server said so: an hour at most. */
    declare readonly retryAfter: number | null;
    /** `rate_limited`, `store_unavailable`, … where Keyward said so. */
    declare readonly code: string | null;
}

/** Keyward refused what was asked. */
export class Refused extends KeywardError {
    override name = 'Refused';
    declare readonly status: number;
    /** One of the contract's 2.3. */
    declare readonly code: string;
    declare readonly reason: string | null;
    /** All that Keyward said (RFC 9457), as the `version` of a `version_mismatch`. */
    declare readonly json: Readonly<Record<string, unknown>>;
}

/** Nobody is signed in, or no longer who was when this was asked. */
export class NotSignedIn extends KeywardError {
    override name = 'NotSignedIn';
    override message = 'signed-out';
    readonly status = 401;
}

/** What was asked takes a stronger or more recent sign-in (RFC 9470): call `stepUp`, and ask again. */
export class StepUpRequired extends KeywardError {
    override name = 'StepUpRequired';
    override message = 'step-up';
    /** What the sign-in must be, where that was said: `2` = two factors. */
    declare readonly acr: string | null;
    /** How many seconds ago at most, where that was said. */
    declare readonly maxAge: number | null;
}
