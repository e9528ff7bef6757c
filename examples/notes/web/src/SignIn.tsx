// By the password, and a second factor where there is one; or by a passkey alone.
import type { Attempt, Method, SignInResult } from '@keyward/client';
import { useState } from 'react';

import { ActButton, ActForm } from './Act';
import { keyward } from './auth';
import { deviceOf } from './deviceOf';
import { Code, Password, RecoveryCode } from './Fields';
import { Forgotten } from './Forgotten';

const REASONS: Record<string, string> = {
    logout: 'You are signed out.',
    logout_all: 'You were signed out from another device.',
    expired: 'It has been a while: please sign in again.',
    password_changed: 'Your password was changed: please sign in again.',
};

type Asked = { attempt: Attempt; methods: readonly Method[] };

export function SignIn({ reason }: { reason: string | null }) {
    const [asked, setAsked] = useState<Asked | null>(null);
    const take = (result: SignInResult) => {
        if (result.status === 'refused') throw new Error(result.detail);
        setAsked(result.status === 'mfa-required' ? result : null);
    };
    return <main><section className="card narrow">
        <div className="row"><h1>Notes</h1><img src="/icon.svg" alt="" width="32" height="32" /></div>
        {reason && !asked && <p role="status" className="soft">{REASONS[reason] ?? 'Your session was ended.'}</p>}
        {asked ? <SecondStep {...asked} take={take} back={() => setAsked(null)} /> : <FirstStep take={take} />}
    </section></main>;
}

type Take = { take: (result: SignInResult) => void };

function FirstStep({ take }: Take) {
    const byPassword = ({ username = '', password = '' }) =>
        keyward.signIn({ username, password, device: deviceOf(navigator.userAgent) }).then(take);
    const [isForgotten, setForgotten] = useState(false);
    if (isForgotten) return <Forgotten back={() => setForgotten(false)} />;
    return <>
        <ActForm act={byPassword}>
            <label>Name<input name="username" autoComplete="username webauthn" required autoFocus /></label>
            <Password />
            <button>Sign in</button>
        </ActForm>
        {keyward.passkeys.isSupported() && <ActButton className="quiet" act={() => keyward.passkeys.signIn().then(take)}>
            Sign in with a passkey
        </ActButton>}
        <button type="button" className="quiet" onClick={() => setForgotten(true)}>Forgot your password?</button>
    </>;
}

function SecondStep({ attempt, methods, take, back }: Asked & Take & { back: () => void }) {
    const [byRecovery, setByRecovery] = useState(!methods.includes('totp'));
    const byCode = ({ code = '' }) =>
        keyward.answer(attempt, byRecovery ? { recovery_code: code } : { totp: code }).then(take);
    return <>
        {methods.includes('passkey') && <ActButton act={() => keyward.passkeys.answer(attempt).then(take)}>Use your passkey</ActButton>}
        <ActForm act={byCode}>
            {byRecovery ? <RecoveryCode name="code" /> : <Code name="code" />}
            <button>Go on</button>
        </ActForm>
        {methods.includes('totp') && <button type="button" className="quiet" onClick={() => setByRecovery(!byRecovery)}>
            {byRecovery ? 'Use your app' : 'Use a recovery code'}
        </button>}
        <button type="button" className="quiet" onClick={back}>Back</button>
    </>;
}
