// Who has forgotten the password asks for a mail; its link leads to /reset, where another is set.
import { Refused } from '@keyward/client';
import { useState } from 'react';

import { ActForm } from './Act';
import { keyward } from './auth';
import { go } from './usePath';

/** Whether there is such an account is told to nobody. */
export function Forgotten({ back }: { back: () => void }) {
    const [isAsked, setAsked] = useState(false);
    const ask = ({ identifier = '' }) =>
        keyward.ask('POST', '/v1/password/forgot', { identifier, app: keyward.app }).then(() => setAsked(true));
    return <>
        {isAsked
            ? <p role="status">If there is such an account, a mail is on its way. Its link is good for an hour.</p>
            : <ActForm act={ask}>
                <label>Name or e-mail address<input name="identifier" autoComplete="username" required autoFocus /></label>
                <button>Send a link</button>
            </ActForm>}
        <button type="button" className="quiet" onClick={back}>Back</button>
    </>;
}

/** Nothing is spent by opening the page, for programs that look through mail open links. */
export function Reset() {
    const [isDone, setDone] = useState(false);
    return <main><section className="card narrow">
        <h1>Another password</h1>
        {isDone ? <p role="status">It is set, and you are signed out everywhere.</p> : <NewPassword done={() => setDone(true)} />}
        <button type="button" className="quiet" onClick={() => go('/')}>Go to the sign-in</button>
    </section></main>;
}

function NewPassword({ done }: { done: () => void }) {
    const [needsCode, setNeedsCode] = useState(false);
    // Behind the `#`, by which it reaches no server's log.
    const token = location.hash.slice(1);
    const set = async ({ password = '', code = '' }) => {
        const proof = /^\d{6}$/.test(code) ? { totp: code } : { recovery_code: code };
        try {
            await keyward.ask('POST', '/v1/password/reset', { token, new: password, ...(code && proof) });
            done();
        } catch (refused) {
            if (refused instanceof Refused && refused.code === 'mfa_required') setNeedsCode(true);
            throw refused;
        }
    };
    return <ActForm act={set}>
        <label>New password<input name="password" type="password" autoComplete="new-password" required autoFocus /></label>
        {needsCode && <label>Code from your app, or a recovery code<input name="code" autoComplete="one-time-code" required autoFocus /></label>}
        <button>Set it</button>
    </ActForm>;
}
