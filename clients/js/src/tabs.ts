// What tabs tell each other. All of it is hints: anybody on the page's origin may forge one, so the most that comes of
// one is a question to the server, and nothing waits for one longer than a second.

const COURTESY = 1_000;

export function createTabs(name: string, onChange: () => void) {
    let channel: BroadcastChannel | undefined;
    const waiting: (() => void)[] = [];

    return {
        close: () => channel?.close(),
        tell(isChange: boolean) {
            try {
                channel ??= new BroadcastChannel(name);
                channel.onmessage = ({ data }) => {
                    if (data) onChange();
                    for (const start of waiting.splice(0)) start();
                };
                // In Node, it would keep the process alive.
                (channel as { unref?(): void }).unref?.();
                channel.postMessage(isChange);
            } catch {
                // There are none here, or not for this page, or not any more.
            }
        },
        /**
         * Refreshes when it is this tab's turn. Turns only save the server work and keep cookies in order: whoever gets
         * none within a second goes ahead, and nobody's is taken away.
         */
        turn: (act: () => Promise<void>) => new Promise<void>((go) => {
            let acting: Promise<void> | undefined;
            const start = () => {
                acting ??= act();
                go(acting);
                return acting;
            };
            const locks = globalThis.navigator?.locks;
            if (!locks) return start();
            setTimeout(start, COURTESY);
            locks.request(name, { ifAvailable: true }, (lock): unknown => (lock ? start() : waiting.push(start)))
                .catch(() => { start(); });
        }),
    };
}
