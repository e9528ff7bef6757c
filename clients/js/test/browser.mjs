// What tests need of a browser in Node: a jar of cookies, and time that passes at will.

const { fetch } = globalThis;

/**
 * A `fetch` with a jar of cookies for one origin, as that origin's own pages have it. Clients that are given one jar
 * are tabs of one browser.
 */
export function withCookies(origin, jar = new Map()) {
    return async (input, init = {}) => {
        const url = new URL(input.url ?? input);
        const headers = new Headers(init.headers ?? input.headers);
        const credentials = init.credentials ?? input.credentials;
        const isHere = url.origin === new URL(origin).origin && credentials !== 'omit';
        headers.set('origin', new URL(origin).origin);
        if (isHere && jar.size) headers.set('cookie', [...jar].map((pair) => pair.join('=')).join('; '));
        const answer = await fetch(input, { ...init, headers });
        for (const line of isHere ? answer.headers.getSetCookie() : []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            if (value && !/max-age=0/i.test(line)) jar.set(name, value);
            else jar.delete(name);
        }
        return answer;
    };
}

const steady = performance.now.bind(performance);
const wall = Date.now;

/** The steady clock goes on by so many milliseconds, and the device's clock by as many or others. */
export function pass(milliseconds, onWall = milliseconds) {
    const [steadyNow, wallNow] = [performance.now.bind(performance), Date.now];
    performance.now = () => steadyNow() + milliseconds;
    Date.now = () => wallNow() + onWall;
}

export function setClocksRight() {
    performance.now = steady;
    Date.now = wall;
}
