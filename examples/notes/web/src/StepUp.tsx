// Has the user prove once more who they are, where something takes a recent or stronger sign-in.
import type { StepUpRequired, StepUpResult } from '@keyward/client';
import { useEffect, useRef, useState } from 'react';

import { account } from './account';
import { ActButton, ActForm } from './Act';
import { keyward } from './auth';
import { Code, Password } from './Fields';
import { type Asked, askBy } from './proving';
import { useLoaded } from './useLoaded';
import { go } from './usePath';

export function StepUp() {
    const [asked, setAsked] = useState<Asked | null>(null);
    const dialog = useRef<HTMLDialogElement>(null);
    useEffect(() => askBy(setAsked), []);
    useEffect(() => { if (asked) dialog.current?.showModal(); }, [asked]);
    if (!asked) return null;
    const end = (isProved: boolean) => {
        setAsked(null);
        asked.settle(isProved);
    };
    return <dialog ref={dialog} aria-labelledby="prove" onCancel={() => end(false)}><div>
        <h2 id="prove">Is it you?</h2>
        <Proofs required={asked.required} end={end} />
        <button type="button" className="quiet" onClick={() => end(false)}>Cancel</button>
    </div></dialog>;
}

function Proofs({ required, end }: { required: StepUpRequired; end: (isProved: boolean) => void }) {
    const { value, failure } = useLoaded(account.list);
    const [isBoth, setBoth] = useState(false);
    if (!value) return failure ? <p role="alert" className="bad">{failure}</p> : null;
    const kinds = value.factors.map(({ kind }) => kind);
    if (!kinds.length && required.acr === '2') return <NothingToShow end={end} />;

    const take = (result: StepUpResult) => {
        if (result.status === 'refused') throw new Error(result.detail);
        if (result.status === 'mfa-required') return setBoth(true);
        end(true);
    };
    const hasCode = kinds.includes('totp');
    const needsPassword = isBoth || !kinds.length;
    return <>
        <p className="soft">{needsPassword && hasCode ? 'It has been a while: please show both.' : 'Please prove it once more.'}</p>
        {kinds.includes('passkey') && <ActButton act={() => keyward.passkeys.stepUp().then(take)}>Use your passkey</ActButton>}
        {(hasCode || needsPassword) && <ActForm act={(proof) => keyward.stepUp(proof).then(take)}>
            {needsPassword && <Password />}
            {hasCode && <Code name="totp" />}
            <button>Go on</button>
        </ActForm>}
    </>;
}

function NothingToShow({ end }: { end: (isProved: boolean) => void }) {
    const setUp = () => {
        end(false);
        go('/security');
    };
    return <>
        <p>This takes a second factor, and you have none yet.</p>
        <button type="button" onClick={setUp}>Set one up</button>
    </>;
}
