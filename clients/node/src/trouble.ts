// What who runs the app is told when Keyward cannot be asked: not with each request, and with the reason below, since
// `fetch failed` helps nobody.

/** Milliseconds in which the same trouble is told once. */
const QUIET = 60_000;

/** The error's own words, and those of what caused it. */
export function wordsOf(error: unknown): string {
    const { message = '', code = '', cause } = Object(error) as { message?: string; code?: string; cause?: unknown };
    return [message || code || String(error), ...(cause === undefined ? [] : [wordsOf(cause)])].join(': ');
}

export class Trouble {
    #toldAt = -Infinity;

    constructor(readonly what: string, readonly tell: (error: Error) => void) {}

    is(cause: unknown): void {
        if (performance.now() - this.#toldAt < QUIET) return;
        this.#toldAt = performance.now();
        // What `tell` throws is its own affair.
        queueMicrotask(() => this.tell(new Error(`${this.what}: ${wordsOf(cause)}`, { cause })));
    }
}
