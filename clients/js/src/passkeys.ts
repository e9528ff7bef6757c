// Passkeys (WebAuthn): what the server says goes to the browser, and what the browser says to the server.
import { factors } from './factors.js';
import type { Attempt, Client, PasskeyAnswer, Passkeys, RecoveryCodes } from './types.js';

type Json = Record<string, unknown>;

interface Begun {
    readonly public_key: Json;
}

const bytesOf = (text: unknown): Uint8Array<ArrayBuffer> => {
    const decoded = atob(String(text).replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(decoded, (one) => one.charCodeAt(0));
};

function textOf(bytes: ArrayBuffer): string {
    const binary = String.fromCharCode(...new Uint8Array(bytes));
    return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

const credentialsOf = (listed: unknown) =>
    ((listed ?? []) as (Json & PublicKeyCredentialDescriptor)[]).map((one) => ({ ...one, id: bytesOf(one['id']) }));

/** By hand where the browser does not do it, as those of before 2025 do not. */
function requestOptions(json: Json): PublicKeyCredentialRequestOptions {
    if (PublicKeyCredential.parseRequestOptionsFromJSON) {
        const options = json as unknown as PublicKeyCredentialRequestOptionsJSON;
        return PublicKeyCredential.parseRequestOptionsFromJSON(options);
    }
    const { challenge, allowCredentials } = json;
    return { ...json, challenge: bytesOf(challenge), allowCredentials: credentialsOf(allowCredentials) };
}

function creationOptions(json: Json): PublicKeyCredentialCreationOptions {
    if (PublicKeyCredential.parseCreationOptionsFromJSON) {
        const options = json as unknown as PublicKeyCredentialCreationOptionsJSON;
        return PublicKeyCredential.parseCreationOptionsFromJSON(options);
    }
    const { user, ...options } = json as Json & PublicKeyCredentialCreationOptions;
    return {
        ...options,
        challenge: bytesOf(json['challenge']),
        user: { ...user, id: bytesOf(user.id) },
        excludeCredentials: credentialsOf(json['excludeCredentials']),
    };
}

function answerOf(credential: Credential | null): PasskeyAnswer {
    const made = credential as PublicKeyCredential;
    // Some password managers bring credentials of their own making, without `toJSON`.
    if (typeof made.toJSON === 'function') return made.toJSON() as unknown as PasskeyAnswer;
    const response: Json = {};
    const given = made.response as AuthenticatorAttestationResponse;
    for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'] as const) {
        const bytes = (given as unknown as Record<string, ArrayBuffer | null>)[name];
        if (bytes) response[name] = textOf(bytes);
    }
    if (given.getTransports) response['transports'] = given.getTransports();
    return {
        id: made.id, rawId: textOf(made.rawId), type: made.type, response,
        authenticatorAttachment: made.authenticatorAttachment,
        clientExtensionResults: made.getClientExtensionResults(),
    };
}

const shown = async ({ public_key }: Begun): Promise<PasskeyAnswer> =>
    answerOf(await navigator.credentials.get({ publicKey: requestOptions(public_key) }));

/** What `client.passkeys` does, here and now: for who wants it loaded with the page. */
export function passkeys(client: Client): Passkeys {
    const { list, remove } = factors(client);
    return {
        isSupported: client.passkeys.isSupported,
        async signIn(options) {
            const { app, transport } = client;
            const begun = await client.ask<Begun & Attempt>('POST', '/v1/login/passkey', { ...options, app, transport });
            return client.answer(begun, { passkey: await shown(begun) });
        },
        async answer(attempt) {
            const { mfa_token } = attempt;
            const begun = await client.ask<Begun>('POST', '/v1/login/challenge', { mfa_token, method: 'passkey' });
            return client.answer(attempt, { passkey: await shown(begun) });
        },
        async stepUp(also) {
            const begun = await client.ask<Begun>('POST', '/v1/step-up/challenge', { method: 'passkey' });
            return client.stepUp({ ...also, passkey: await shown(begun) });
        },
        async register() {
            const { public_key } = await client.ask<Begun>('POST', '/v1/factors/passkeys', {});
            const made = await navigator.credentials.create({ publicKey: creationOptions(public_key) });
            return client.ask<RecoveryCodes>('POST', '/v1/factors/passkeys/confirm', { passkey: answerOf(made) });
        },
        list: async () => (await list()).factors.filter(({ kind }) => kind === 'passkey'),
        remove,
    };
}
