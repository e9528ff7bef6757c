// What @simplewebauthn/server makes of answers of passkeys: one line of JSON a case on standard input, one verdict a
// line.
import { createInterface } from 'node:readline';

import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';

async function verify({ passkey, challenge, domain, origins, key, counter }) {
    const common = {
        response: passkey, expectedChallenge: challenge, expectedRPID: domain, expectedOrigin: origins,
        requireUserVerification: true,
    };
    if (key === undefined) {
        return verifyRegistrationResponse({ ...common, supportedAlgorithmIDs: [-7, -8, -257] });
    }
    const credential = { id: passkey.id, publicKey: Buffer.from(key, 'base64url'), counter };
    return verifyAuthenticationResponse({ ...common, credential });
}

for await (const line of createInterface({ input: process.stdin })) {
    const judged = await verify(JSON.parse(line)).then(
        ({ verified }) => (verified ? 'taken' : 'refused'),
        (error) => `refused: ${error.message.replaceAll(/\s+/g, ' ')}`,
    );
    console.log(judged);
}
