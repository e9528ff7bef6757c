// Second factors: an authenticator app, passkeys, and recovery codes for the day when both are lost.
import type { Factor, RecoveryCodes as Codes, TotpSetUp as SetUp } from '@keyward/client/factors';
import { useState } from 'react';

import { account, addPasskey, beginTotp, otherRecoveryCodes, removeFactor } from './account';
import { ActButton } from './Act';
import { RecoveryCodes } from './RecoveryCodes';
import { TotpSetUp } from './TotpSetUp';
import { useLoaded } from './useLoaded';

export function Security() {
    const { value, failure, reload } = useLoaded(account.list);
    const [setUp, setSetUp] = useState<SetUp | null>(null);
    const [codes, setCodes] = useState<readonly string[]>([]);
    const taken = ({ recovery_codes = [] }: Codes) => {
        setSetUp(null);
        if (recovery_codes.length) setCodes(recovery_codes);
        return reload();
    };
    if (!value) return failure ? <p role="alert" className="bad">{failure}</p> : null;
    const apps = value.factors.filter(({ kind }) => kind === 'totp');
    const keys = value.factors.filter(({ kind }) => kind === 'passkey');
    return <>
        <div><h1>Security</h1><p className="soft">A second factor keeps out whoever learns your password.</p></div>
        {codes.length > 0 && <RecoveryCodes codes={codes} done={() => setCodes([])} />}
        <section className="card" aria-label="Authenticator app">
            <div className="row">
                <div><h2>Authenticator app</h2><p className="soft">A code from your phone, after the password.</p></div>
                {!apps.length && !setUp && <ActButton act={() => beginTotp().then(setSetUp)}>Set up</ActButton>}
            </div>
            {setUp && <TotpSetUp {...setUp} taken={taken} />}
            <Factors name="Authenticator app" factors={apps} reload={reload} />
        </section>
        <section className="card" aria-label="Passkeys">
            <div className="row">
                <div><h2>Passkeys</h2><p className="soft">Your fingerprint, face or screen lock, and no password.</p></div>
                <ActButton className={keys.length ? 'quiet' : ''} act={() => addPasskey().then(taken)}>Add a passkey</ActButton>
            </div>
            <Factors name="Passkey" factors={keys} reload={reload} />
        </section>
        {value.factors.length > 0 && <section className="card" aria-label="Recovery codes"><div className="row">
            <div><h2>Recovery codes</h2><p className="soft">{value.recovery_codes} left</p></div>
            <ActButton className="quiet" act={() => otherRecoveryCodes().then(taken)}>New codes</ActButton>
        </div></section>}
    </>;
}

function Factors({ name, factors, reload }: { name: string; factors: readonly Factor[]; reload: () => Promise<void> }) {
    if (!factors.length) return null;
    return <ul className="list">{factors.map(({ id, created_at }) => (
        <li key={id} className="row">
            <span>{name} <span className="soft">since {new Date(created_at).toLocaleDateString()}</span></span>
            <ActButton className="quiet small" label={`Remove ${name}`} act={() => removeFactor(id).then(reload)}>Remove</ActButton>
        </li>
    ))}</ul>;
}
