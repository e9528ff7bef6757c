// What tabs tell each other. All of it is hints: anybody on the page's origin may forge one, so the most that comes of
// one is a question to the server, and a reason where the server names none. Nothing waits for another tab longer than a
// second.

import { COURTESY } from './limits.js';

export function createTabs(name: string, onChange: (reason: string) => void) {
    let channel: BroadcastChannel | undefined;

    return {
        close: () => channel?.close(),
        /** Listens from now on, and tells the others why who was signed in is so no more, if that is it. */
        tell(reason?: string) {
            try {
                channel ??= new BroadcastChannel(name);
                channel.onmessage = ({ data }) => onChange(String(data));
                // In Node, it would keep the process alive.
                (channel as { unref?(): void }).unref?.();
                if (reason) channel.postMessage(reason);
            } catch {
                // There are none here, or not for this page, or not any more.
            }
        },
        /**
         * Acts when it is this tab's turn. Turns only save the server work and keep cookies in order: whoever gets none
         * within a second goes ahead, and nobody's is taken away.
         */
        turn: <T>(act: () => Promise<T>) => new Promise<T>((go) => {
            let acting: Promise<T> | undefined;
            const start = () => {
                go(acting ??= act());
                return acting;
            };
            const locks = globalThis.navigator?.locks;
            if (!locks) return start();
            setTimeout(start, COURTESY);
            locks.request(name, start).catch(() => { start(); });
        }),
    };
}
