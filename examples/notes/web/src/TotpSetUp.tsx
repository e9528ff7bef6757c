// The QR code for an authenticator app, and the first code of it, with which it counts.
import type { RecoveryCodes, TotpSetUp as SetUp } from '@keyward/client/factors';

import { account } from './account';
import { ActForm } from './Act';
import { Code } from './Fields';

type Props = SetUp & { taken: (said: RecoveryCodes) => Promise<void> };

export function TotpSetUp({ qr, secret, uri, taken }: Props) {
    return <div className="set-up">
        <img src={qr} alt="QR code for your authenticator app" />
        <div>
            <p className="soft">Scan it, <a href={uri}>open it on this device</a>, or type <code>{secret}</code></p>
            <ActForm className="line" act={({ totp = '' }) => account.totp.confirm(totp).then(taken)}>
                <Code name="totp" />
                <button>Confirm</button>
            </ActForm>
        </div>
    </div>;
}
