// What a page shows that comes from a server: loaded when the page opens, and again when it says so.
import { useCallback, useEffect, useState } from 'react';

export function useLoaded<T>(load: () => Promise<T>) {
    const [value, setValue] = useState<T | null>(null);
    const [failure, setFailure] = useState('');
    const reload = useCallback(() => load().then(
        (loaded) => { setValue(loaded); setFailure(''); },
        (error: Error) => setFailure(error.message),
    ), [load]);
    useEffect(() => { reload(); }, [reload]);
    return { value, failure, reload };
}
