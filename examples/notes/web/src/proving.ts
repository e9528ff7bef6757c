// What takes a recent or stronger sign-in: done, and where Keyward asks for more, done again once the user has shown it.
import { StepUpRequired } from '@keyward/client';

export type Asked = { required: StepUpRequired; settle: (isProved: boolean) => void };

let show = (asked: Asked) => asked.settle(false);
let pending: Promise<boolean> | null = null;

/** Names who asks the user: the dialog of StepUp.tsx. */
export const askBy = (dialog: (asked: Asked) => void) => { show = dialog; };

/** One dialog, however much waits for it. */
function ask(required: StepUpRequired): Promise<boolean> {
    pending ??= new Promise<boolean>((settle) => show({ required, settle })).finally(() => { pending = null; });
    return pending;
}

export async function proving<T>(act: () => Promise<T>): Promise<T> {
    try {
        return await act();
    } catch (required) {
        if (!(required instanceof StepUpRequired)) throw required;
        if (!await ask(required)) throw new Error('This takes a proof of who you are.');
        return act();
    }
}
