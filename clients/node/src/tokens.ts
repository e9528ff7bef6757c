// Verifies access tokens (RFC 9068) as Keyward's check does: signature, issuer, audience, `typ`, times.
import { errors, jwtVerify } from 'jose';
import { Keys } from './keys.js';
import { Trouble } from './trouble.js';

/** What a token says, once it is known to be Keyward's. */
export interface Claims {
    sub: string;
    sid: string;
    jti: string;
    client_id: string;
    iat: number;
    exp: number;
    roles: readonly string[];
    preferred_username: string;
    auth_time?: number;
    acr?: string;
    amr?: readonly string[];
}

export interface TokenRules {
    url: string;
    issuer: string;
    audience: string;
    algorithms: string[];
    onError: (error: Error) => void;
}

const REQUIRED = ['exp', 'iat', 'jti', 'sid', 'sub', 'client_id'];
/** So many tokens are known to be genuine, and not verified again with each request. */
const REMEMBERED = 10_000;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter(isText) : []);

/** The claims of a payload; `undefined` where it is none of Keyward's. */
export function claimsOf(payload: Record<string, unknown>): Claims | undefined {
    const { sub, sid, jti, client_id, iat, exp, auth_time, acr, amr, preferred_username } = payload;
    if (![sub, sid, jti, client_id].every(isText) || ![iat, exp].every(Number.isFinite)) return undefined;
    const name = isText(preferred_username) ? preferred_username : '';
    const claims = { sub, sid, jti, client_id, iat, exp, preferred_username: name, roles: textsOf(payload.roles) };
    return {
        ...(claims as Claims),
        ...(Number.isFinite(auth_time) && { auth_time: auth_time as number }),
        ...(isText(acr) && { acr }),
        ...(Array.isArray(amr) && { amr: textsOf(amr) }),
    };
}

export class Tokens {
    #rules: TokenRules;
    #genuine = new Map<string, Claims>();
    #verifying = new Map<string, Promise<Claims>>();
    #keys: Keys;
    #foreign: Trouble;

    constructor(rules: TokenRules) {
        this.#rules = rules;
        this.#keys = new Keys(`${rules.url}/.well-known/jwks.json`, () => { this.#genuine = new Map(); }, rules.onError);
        this.#foreign = new Trouble('a genuine token is refused, by the options of createVerifier', rules.onError);
    }

    /** Throws `KeysAway`, or what `jose` has against it. */
    async claims(token: string): Promise<Claims> {
        await this.#keys.refresh();
        const known = this.#genuine.get(token);
        if (!known) return this.#once(token);
        if (known.exp <= Date.now() / 1000) throw new errors.JWTExpired('it has expired', { ...known });
        return known;
    }

    /** However many requests bring it at once. */
    #once(token: string): Promise<Claims> {
        const verifying = this.#verifying.get(token) ?? this.#verify(token).finally(() => this.#verifying.delete(token));
        this.#verifying.set(token, verifying);
        return verifying;
    }

    async #verify(token: string): Promise<Claims> {
        const { issuer, audience, algorithms } = this.#rules;
        // Those of the keys of now: what is verified while they change is not known to be genuine by the new ones.
        const genuine = this.#genuine;
        const rules = { issuer, audience, algorithms, typ: 'at+jwt', requiredClaims: REQUIRED };
        const { payload } = await jwtVerify(token, this.#keys.find, rules).catch((error) => this.#explain(error));
        const claims = claimsOf(payload);
        if (!claims) throw new errors.JWTInvalid('a claim is not what it should be');
        const [oldest] = genuine.keys();
        if (genuine.size >= REMEMBERED && oldest !== undefined) genuine.delete(oldest);
        genuine.set(token, claims);
        return claims;
    }

    /** Its signature is looked at first: that it says another issuer or audience is a setting, for who runs the app. */
    #explain(error: unknown): never {
        if (error instanceof errors.JWTClaimValidationFailed && error.reason === 'check_failed') {
            const names = { iss: 'issuer', aud: 'audience' } as const;
            const { claim, payload } = error;
            if (claim === 'iss' || claim === 'aud') {
                const name = names[claim];
                this.#foreign.is(`its ${name} is ${JSON.stringify(payload[claim])}, and \`${name}\` is '${this.#rules[name]}'`);
            }
        }
        throw error;
    }
}
