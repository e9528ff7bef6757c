// A key that no script can read out (WebCrypto, P-256), and the proofs that are made by it (RFC 9449).

import type { Prover } from './types.js';

const STORE = 'keys';
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

const base64url = (bytes: Uint8Array): string =>
    btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const encoded = (value: object): string => base64url(new TextEncoder().encode(JSON.stringify(value)));

function done<T>(request: IDBRequest<T>): Promise<T> {
    return new Promise((succeed, fail) => {
        request.onsuccess = () => succeed(request.result);
        request.onerror = () => fail(request.error);
    });
}

function open(name: string): Promise<IDBDatabase> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    return done(opening);
}

/** The key that is kept, or null. */
async function find(database: IDBDatabase): Promise<CryptoKeyPair | null> {
    return (await done<CryptoKeyPair | undefined>(database.transaction(STORE).objectStore(STORE).get('key'))) ?? null;
}

/** The key that is kept; this one, where there was none. Of two tabs that make one at once, both get the first's. */
async function keep(database: IDBDatabase, made: CryptoKeyPair): Promise<CryptoKeyPair> {
    const store = database.transaction(STORE, 'readwrite').objectStore(STORE);
    const kept = await done<CryptoKeyPair | undefined>(store.get('key'));
    if (kept) return kept;
    await done(store.put(made, 'key'));
    return made;
}

async function proof({ publicKey, privateKey }: CryptoKeyPair, url: string, ahead: number): Promise<string> {
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } };
    const iat = Math.floor(Date.now() / 1000) + ahead;
    const jti = base64url(crypto.getRandomValues(new Uint8Array(16)));
    const signed = `${encoded(header)}.${encoded({ htm: 'POST', htu: url, iat, jti })}`;
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    const signature = await crypto.subtle.sign(algorithm, privateKey, new TextEncoder().encode(signed));
    return `${signed}.${base64url(new Uint8Array(signature))}`;
}

/** Did the server refuse the proof, or the lack of one? Nothing becomes of the session by that. */
async function isRefused(answer: Response): Promise<boolean> {
    if (answer.status !== 400 && answer.status !== 401) return false;
    const problem = await answer.clone().json().catch(() => null);
    return problem?.reason === 'proof';
}

/**
 * A key in IndexedDB, in a database of that name. Where there is no IndexedDB, a sign-in is not bound: a key in memory
 * would be gone with the page, and the session with it.
 */
export function dpopKey(name = 'keyward'): Prover {
    let database: Promise<IDBDatabase> | null = null;
    /** By how many seconds the server's clock is ahead, as far as a refused proof has told. */
    let ahead = 0;

    /** Null where there is none; throws where that cannot be told. */
    async function key(isSignIn: boolean): Promise<CryptoKeyPair | null> {
        database ??= open(name);
        try {
            const opened = await database;
            const kept = await find(opened);
            if (kept || !isSignIn) return kept;
            return await keep(opened, await crypto.subtle.generateKey(ALGORITHM, false, ['sign']) as CryptoKeyPair);
        } catch (error) {
            database = null;
            throw error;
        }
    }

    return {
        async send(fetched, url, init, isSignIn) {
            let isUnsure = false;
            const found = await key(isSignIn).catch(() => {
                isUnsure = true;
                return null;
            });
            const tried = async () => fetched(url, {
                ...init,
                headers: { ...(init.headers as object), ...(found && { dpop: await proof(found, url, ahead) }) },
            });
            let answer = await tried();
            if (found && await isRefused(answer)) {
                // The device's clock may be wrong. The header is for pages of registered origins to read.
                const date = Date.parse(answer.headers.get('date') ?? '');
                if (date) ahead = Math.round((date - Date.now()) / 1000);
                answer = await tried();
            }
            // The session is over for this device only if the key is gone for good.
            if ((found || isUnsure) && await isRefused(answer)) throw new Error('the proof was refused');
            return answer;
        },
    };
}
