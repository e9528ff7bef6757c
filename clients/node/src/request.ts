// What is asked, as far as it matters here: a web-standard `Request` is one, and so is what the skins make of their
// framework's.

/** A request; of its headers only the credential and what tells its origin are read. */
export interface Asked {
    readonly method: string;
    readonly headers: { get(name: string): string | null };
    /** Aborts when the client goes. */
    readonly signal?: AbortSignal | undefined;
}

/** What a credential must be good for, beyond being good. */
export interface Rules {
    /** All of them are needed, else 403 `insufficient_role`. */
    role?: string | readonly string[];
    /** `2` = two factors, else 401 `insufficient_user_authentication` (RFC 9470). */
    acr?: '1' | '2';
    /** Seconds since the last active sign-in or step-up, else the same 401. */
    maxAge?: number;
}

/** What the server knows of the client beyond its request. */
export interface Client {
    /** Its address, for Keyward's log; Keyward believes it from its `trusted_proxies` alone. */
    address?: string | undefined;
}

const isRole = (value: unknown) => typeof value === 'string' && value !== '';

/** What each may be. */
const RULES = new Map<string, (value: unknown) => boolean>([
    ['role', (value) => (Array.isArray(value) ? value.length > 0 && value.every(isRole) : isRole(value))],
    ['acr', (value) => value === '1' || value === '2'],
    ['maxAge', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32],
]);

/** A rule that is misspelled, or has lost its value, must not be an open door. */
export function checked(rules: Rules): Rules {
    for (const [name, value] of Object.entries(rules)) {
        const isRight = RULES.get(name);
        if (!isRight) throw new TypeError(`keyward: there is no rule \`${name}\``);
        if (!isRight(value)) throw new TypeError(`keyward: the rule \`${name}\` cannot be ${JSON.stringify(value)}`);
    }
    return rules;
}

export const rolesOf = ({ role = [] }: Rules): readonly string[] => (typeof role === 'string' ? [role] : role);

/**
 * One bearer token; `null` = one that is none, or two of which one might count; `undefined` = none, for another scheme is
 * for somebody else. As the check reads it.
 */
export function bearerOf({ headers }: Asked): string | null | undefined {
    const line = headers.get('authorization') ?? '';
    const [scheme = '', token = ''] = line.split(/ (.*)/s);
    if (scheme.toLowerCase() !== 'bearer') return line.includes(',') ? null : undefined;
    return /^[\w.~+/-]+$/.test(token) ? token : null;
}

/** Keyward's own session cookies among all the app has; two of them are for Keyward to refuse. */
export function cookieOf({ headers }: Asked): string | undefined {
    const pairs = (headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
    const own = pairs.filter((pair) => /^(?:__Host-)?keyward-session=/.test(pair));
    return own.length ? own.join('; ') : undefined;
}
