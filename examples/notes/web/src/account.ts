// What users change of their own account.
import { factors } from '@keyward/client/factors';

import { keyward } from './auth';
import { proving } from './proving';

export const account = factors(keyward);

export const beginTotp = () => proving(() => account.totp.begin());
export const addPasskey = () => proving(() => keyward.passkeys.register());
export const removeFactor = (id: string) => proving(() => account.remove(id));
export const otherRecoveryCodes = () => proving(() => account.recoveryCodes());
