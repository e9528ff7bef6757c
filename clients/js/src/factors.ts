// The user's second factors: what there is, setting them up, and removing them.
import type { Client, Factor, RecoveryCodes } from './types.js';

export type { Factor, RecoveryCodes };

export interface FactorList {
    readonly factors: readonly Factor[];
    /** How many are left. */
    readonly recovery_codes: number;
}

export interface TotpSetUp {
    /** Base 32, for who types it. */
    readonly secret: string;
    /** A link for an authenticator app on the same device. */
    readonly uri: string;
    /** An image, as a `data:` URI. */
    readonly qr: string;
}

export function factors(client: Client) {
    return {
        list: () => client.ask<FactorList>('GET', '/v1/factors'),
        remove: (id: string): Promise<void> => client.ask('DELETE', `/v1/factors/${encodeURIComponent(id)}`),
        /** Ten others; those of before are good no more. */
        recoveryCodes: () => client.ask<RecoveryCodes>('POST', '/v1/factors/recovery-codes'),
        totp: {
            /** It counts once a code of it has been confirmed. */
            begin: () => client.ask<TotpSetUp>('POST', '/v1/factors/totp'),
            confirm: (totp: string) => client.ask<RecoveryCodes>('POST', '/v1/factors/totp/confirm', { totp }),
        },
    };
}
