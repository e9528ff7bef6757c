// Chance that can be repeated: what happens to the n-th request of a tab follows from the seed, whatever the machine
// does meanwhile. `SEED=… node --test …` repeats the choices of a run.

export const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A number from 0 up to 1 that follows from these words alone (FNV-1a, then the finalizer of MurmurHash3). */
export function chance(...words) {
    let hash = 0x811c9dc5;
    for (const letter of [SEED, ...words].join('\n')) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
