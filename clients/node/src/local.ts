// Decides by the token, the keys and the revocations alone: no request waits for Keyward.
import { errors } from 'jose';
import { Identity } from './identity.js';
import { KeysAway } from './keys.js';
import { refuse, refuseSignIn } from './refusal.js';
import { rolesOf, type Asked, type Rules } from './request.js';
import type { Revocations } from './revocations.js';
import type { Claims, Tokens } from './tokens.js';

/** Why a sign-in is not enough, with the codes of RFC 9470; `undefined` = it is. */
function tooWeak({ acr = '1', auth_time }: Claims, rules: Rules): Response | undefined {
    if (rules.acr !== undefined && !(Number(acr) >= Number(rules.acr))) {
        return refuseSignIn('a sign-in with a second factor is needed', `acr_values="${rules.acr}"`);
    }
    const age = Date.now() / 1000 - (auth_time ?? -Infinity);
    if (rules.maxAge === undefined || age <= rules.maxAge) return undefined;
    return refuseSignIn('a more recent sign-in is needed', `max_age="${rules.maxAge}"`);
}

function refusalOf(error: unknown): Response {
    if (error instanceof errors.JWTExpired) return refuse('token_expired');
    if (error instanceof errors.JOSEError) return refuse('token_invalid');
    if (error instanceof KeysAway) return refuse('store_unavailable');
    throw error;
}

export class Local {
    constructor(readonly tokens: Tokens, readonly revocations: Revocations) {}

    async decide(token: string, asked: Asked, rules: Rules): Promise<Identity | Response> {
        if (!this.revocations.isTrusted) return refuse('store_unavailable');
        const claims = await this.tokens.claims(token).catch(refusalOf);
        return claims instanceof Response ? claims : this.#admit(claims, asked, rules);
    }

    #admit(claims: Claims, asked: Asked, rules: Rules): Identity | Response {
        const { sub, sid, jti, iat, exp, roles } = claims;
        // Trust may have ended while the keys were fetched.
        if (!this.revocations.isTrusted) return refuse('store_unavailable');
        const over = this.revocations.refusal({ sub, sid, jti, iat, since: 0 });
        if (over) return refuse(over.code, over.reason);
        if (!rolesOf(rules).every((role) => roles.includes(role))) return refuse('insufficient_role');
        const weak = tooWeak(claims, rules);
        if (weak) return weak;
        const marks = { jti, iat, since: 0, endsIn: exp * 1000 - Date.now(), gone: asked };
        return new Identity(factsOf(claims), marks, this.revocations);
    }
}

export function factsOf(claims: Claims) {
    const { sub, sid, client_id, roles, preferred_username, exp, auth_time, acr, amr } = claims;
    return {
        userId: sub, username: preferred_username, sessionId: sid, app: client_id, roles, expiresAt: exp,
        ...(acr !== undefined && { acr }),
        ...(amr !== undefined && { amr }),
        ...(auth_time !== undefined && { authTime: auth_time }),
    };
}
