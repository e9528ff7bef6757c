// Keyward's settings here, and what it holds at the first start: two users, and the apps that ask it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of both users. Good for a product that only this machine can reach. */
export const PASSWORD = 'correct horse battery';

/** As environment variables; what each means is in `keyward config --example`. */
export function settings({ run, url, port, check, management }) {
    return {
        KEYWARD_SERVER_LISTEN: `127.0.0.1:${port}`,
        KEYWARD_SERVER_CHECK_LISTEN: `127.0.0.1:${check}`,
        KEYWARD_SERVER_MANAGEMENT_LISTEN: `127.0.0.1:${management}`,
        KEYWARD_SERVER_PUBLIC_URL: url,
        KEYWARD_SERVER_TRUSTED_PROXIES: '127.0.0.1',
        KEYWARD_STORAGE_DATA_DIR: join(run, 'data'),
        KEYWARD_KEYS_DIR: join(run, 'keys'),
    };
}

/** Makes accounts and apps where there are none yet; returns the secret of the app `notes-api`. */
export function makeAccounts(run, settings) {
    const kept = join(run, 'secret');
    if (existsSync(kept)) return readFileSync(kept, 'utf8');
    const binary = process.env.KEYWARD ?? 'keyward';
    const keyward = (args, input) => {
        const done = spawnSync(binary, args, {
            cwd: run, env: { ...process.env, ...settings }, input, encoding: 'utf8',
        });
        if (done.error) throw new Error(`${binary} cannot be started (${done.error.code}): KEYWARD names the binary`);
        if (done.status !== 0) throw new Error(`keyward ${args.join(' ')}: ${done.stderr}`);
        return done.stdout.trim();
    };
    keyward(['migrate']);
    keyward(['user', 'add', 'anna', '--role', 'admin', '--password-stdin'], PASSWORD);
    keyward(['user', 'add', 'ben', '--password-stdin'], PASSWORD);
    keyward(['app', 'add', 'notes']);
    const secret = keyward(['app', 'add', 'notes-api', '--confidential']);
    writeFileSync(kept, secret, { mode: 0o600 });
    return secret;
}
