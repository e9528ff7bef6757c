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

const RULES = new Set(['role', 'acr', 'maxAge']);

/** A rule that is misspelled must not be an open door. */
export function checked(rules: Rules): Rules {
    const unknown = Object.keys(rules).find((name) => !RULES.has(name));
    if (unknown !== undefined) throw new TypeError(`keyward: there is no rule \`${unknown}\``);
    return rules;
}

export const rolesOf = ({ role = [] }: Rules): readonly string[] => (typeof role === 'string' ? [role] : role);

/** One bearer token; `null` = something else is there; `undefined` = nothing is. */
export function bearerOf({ headers }: Asked): string | null | undefined {
    const line = headers.get('authorization');
    if (line === null) return undefined;
    return /^Bearer +([\w.~+/-]+=*) *$/i.exec(line)?.[1] ?? null;
}

/** Keyward's own session cookies among all the app has; two of them are for Keyward to refuse. */
export function cookieOf({ headers }: Asked): string | undefined {
    const pairs = (headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
    const own = pairs.filter((pair) => /^(?:__Host-)?keyward-session=/.test(pair));
    return own.length ? own.join('; ') : undefined;
}
