// Runs before all else in a page.

/** What the client refreshes by itself; `most` is the largest number of refreshes that this tab had under way at once. */
globalThis.wire = { now: 0, most: 0, refreshes: 0 };
const send = globalThis.fetch;
globalThis.fetch = (...words) => {
    const { wire } = globalThis;
    const url = new URL(words[0] instanceof Request ? words[0].url : words[0], location.href);
    if (url.pathname !== '/v1/refresh') return send(...words);
    wire.refreshes += 1;
    wire.now += 1;
    wire.most = Math.max(wire.most, wire.now);
    return send(...words).finally(() => { wire.now -= 1; });
};

/** Asks the API for so many milliseconds, about twice a second, and tells how often it was answered what. */
globalThis.work = async (time) => {
    const counts = {};
    for (const end = performance.now() + time; performance.now() < end;) {
        const { status, failed, name } = await globalThis.ask();
        const what = failed ?? (name ? `${status} ${name}` : status);
        counts[what] = (counts[what] ?? 0) + 1;
        await new Promise((next) => setTimeout(next, 300 + 400 * Math.random()));
    }
    return counts;
};
