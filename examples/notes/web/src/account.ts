// What users change of their own account.
import { factors } from '@keyward/client/factors';
import { passkeys } from '@keyward/client/passkeys';

import { keyward } from './auth';
import { proving } from './proving';

export const account = factors(keyward);
export const passkey = passkeys(keyward);

export const beginTotp = () => proving(() => account.totp.begin());
export const addPasskey = () => proving(() => passkey.register());
export const removeFactor = (id: string) => proving(() => account.remove(id));
export const otherRecoveryCodes = () => proving(() => account.recoveryCodes());
