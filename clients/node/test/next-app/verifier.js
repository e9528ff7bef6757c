import { createVerifier } from '@keyward/node/next';

const { KEYWARD_URL: url, KEYWARD_CHECK_URL: checkUrl, KEYWARD_SECRET: secret, KEYWARD_MODE: mode } = process.env;

export const verifier = createVerifier({ url, checkUrl, app: 'api', secret, mode });
