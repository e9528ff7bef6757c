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

/** Runs one of Keyward's commands on what is kept in `run`, and returns what it prints. */
function command(run, settings) {
    const binary = process.env.KEYWARD ?? 'keyward';
    return (args, input) => {
        const done = spawnSync(binary, args, {
            cwd: run, env: { ...process.env, ...settings }, input, encoding: 'utf8',
        });
        if (done.error) throw new Error(`${binary} cannot be started (${done.error.code}): KEYWARD names the binary`);
        if (done.status !== 0) throw new Error(`keyward ${args.join(' ')}: ${done.stderr}To begin anew, remove ${run}`);
        return done.stdout.trim();
    };
}

/** Makes accounts and apps where there are none yet; returns the secret of the app `notes-api`. */
export function makeAccounts(run, settings) {
    const keyward = command(run, settings);
    const kept = join(run, 'secret');
    if (!existsSync(kept)) writeFileSync(kept, made(keyward), { mode: 0o600 });
    // At each start, for the port may be another one.
    keyward(['app', 'update', 'notes', '--reset-url', `${settings.KEYWARD_SERVER_PUBLIC_URL}/reset#{token}`]);
    return readFileSync(kept, 'utf8');
}

function made(keyward) {
    keyward(['migrate']);
    for (const [name, ...roles] of [['anna', '--role', 'admin'], ['ben']]) {
        keyward(['user', 'add', name, ...roles, '--password-stdin'], PASSWORD);
        keyward(['user', 'email', name, `${name}@example.com`, '--verified']);
    }
    keyward(['app', 'add', 'notes']);
    return keyward(['app', 'add', 'notes-api', '--confidential']);
}
