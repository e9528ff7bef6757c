// Which page is shown: the path in the address bar.
import { useSyncExternalStore } from 'react';

const listen = (changed: () => void) => {
    addEventListener('popstate', changed);
    return () => removeEventListener('popstate', changed);
};

export const usePath = () => useSyncExternalStore(listen, () => location.pathname);

export function go(path: string) {
    history.pushState(null, '', path);
    dispatchEvent(new PopStateEvent('popstate'));
}
