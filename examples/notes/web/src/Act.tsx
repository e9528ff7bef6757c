// Buttons and forms that do one thing at a time, and say what went wrong.
import { type FormEvent, type ReactNode, useState } from 'react';

function useAct(act: () => Promise<unknown>) {
    const [isBusy, setBusy] = useState(false);
    const [failure, setFailure] = useState('');
    const start = () => {
        setBusy(true);
        setFailure('');
        return act().catch((error: Error) => setFailure(error.message)).finally(() => setBusy(false));
    };
    return { isBusy, failure, start };
}

const Failure = ({ text }: { text: string }) => (text ? <p role="alert" className="bad">{text}</p> : null);

type ButtonProps = { act: () => Promise<unknown>; className?: string; label?: string; children: ReactNode };

export function ActButton({ act, className, label, children }: ButtonProps) {
    const { isBusy, failure, start } = useAct(act);
    return <>
        <button type="button" className={className} aria-label={label} disabled={isBusy} onClick={start}>{children}</button>
        <Failure text={failure} />
    </>;
}

type FormProps = { act: (fields: Record<string, string>) => Promise<unknown>; className?: string; children: ReactNode };

/** What was typed stays where it could not be sent. */
export function ActForm({ act, className, children }: FormProps) {
    const [form, setForm] = useState<HTMLFormElement | null>(null);
    const { isBusy, failure, start } = useAct(async () => {
        await act(Object.fromEntries(new FormData(form!)) as Record<string, string>);
        form!.reset();
    });
    const submit = (event: FormEvent) => {
        event.preventDefault();
        if (!isBusy) start();
    };
    return <>
        <form ref={setForm} className={className} onSubmit={submit}>{children}</form>
        <Failure text={failure} />
    </>;
}
