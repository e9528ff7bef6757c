// How much time has passed. What the device's clock says is never believed, only how far it has moved.

/** Says how many milliseconds ago it was started. */
export type Watch = () => number;

/**
 * The steady clock stops on some machines while they sleep, and the wall clock does not; one that is put back counts
 * for nothing, and one that is put forward makes things seem old too early, once.
 */
export function startWatch(): Watch {
    const steady = performance.now();
    const wall = Date.now();
    return () => Math.max(performance.now() - steady, Date.now() - wall);
}
