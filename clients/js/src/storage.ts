// Where `body` keeps its refresh token beyond the life of the process. A storage that is full or forbidden signs nobody
// out: memory serves then.
import type { Storage, TokenStore } from './types.js';

type Token = string | null;

/** How long a storage may take, in milliseconds. */
const PATIENCE = 3_000;

function soon(act: unknown): Promise<unknown> {
    return new Promise((done, fail) => {
        const timer = setTimeout(fail, PATIENCE, new Error('the storage does not answer'));
        Promise.resolve(act).then(done, fail).finally(() => clearTimeout(timer));
    });
}

/** Keeps it in `localStorage`, React Native's AsyncStorage, or three functions of yours. */
export const keptIn = (storage: Storage) => (name: string): TokenStore => {
    // Some take no more than these.
    const key = name.replace(/[^\w.-]/g, '_');
    let memory: Token = null;
    let isBroken = false;
    let hasWarned = false;
    let last: Promise<unknown> = Promise.resolve();

    async function tried(act: () => unknown): Promise<unknown> {
        try {
            return await soon(act());
        } catch (error) {
            if (!hasWarned) console.warn('Keyward: the storage fails; the refresh token is in memory.', error);
            hasWarned = true;
            isBroken = true;
            return null;
        }
    }

    /** What another process has written counts; one that has removed it has said nothing: the server knows. */
    async function read(): Promise<Token> {
        const found = isBroken ? null : await tried(() => storage.getItem(key));
        if (typeof found === 'string' && found) memory = found;
        return memory;
    }

    async function write(token: Token) {
        memory = token;
        isBroken = false;
        if (token) await tried(() => storage.setItem(key, token));
        // A token of before, which a full storage still has, would look like a stolen one after the next start.
        if (!token || isBroken) await tried(() => storage.removeItem(key));
    }

    /** One at a time, in the order in which they were asked for: a storage may be slow. */
    function inTurn<T>(act: () => Promise<T>): Promise<T> {
        const done = last.then(act);
        last = done;
        return done;
    }

    return { read: () => inTurn(read), write: (token) => inTurn(() => write(token)) };
};
