// oidc-client-ts in the place of the client, as its manual has it: tokens in `localStorage`, where all tabs find them,
// and its own silent renewal by refresh token. Keyward has no authorization endpoint, so the sign-in is put in by hand.
import { User, UserManager, WebStorageStateStore } from 'oidc-client-ts';

const { life } = JSON.parse(new URLSearchParams(location.search).get('options'));
const manager = new UserManager({
    authority: location.origin,
    client_id: 'web',
    redirect_uri: location.origin,
    metadata: { issuer: location.origin, token_endpoint: `${location.origin}/oauth/token` },
    userStore: new WebStorageStateStore({ store: localStorage }),
    // 60 seconds before the end of 15 minutes, if it is left out. Timers of hidden tabs take a second.
    accessTokenExpiringNotificationTimeInSeconds: Math.max(1.5, life / 15),
});

globalThis.heard = [];
manager.events.addSilentRenewError(({ name }) => globalThis.heard.push({ status: 'renewal-failed', reason: name }));

globalThis.client = {
    async signIn({ username, password }) {
        const body = JSON.stringify({ username, password, app: 'web' });
        const answer = await fetch('/v1/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const { expires_in: life, ...tokens } = await answer.json();
        const user = new User({ ...tokens, profile: { sub: username }, expires_at: Math.floor(Date.now() / 1000) + life });
        await manager.storeUser(user);
        return { status: 'signed-in' };
    },
    whenReady: () => opened,
};

/** An app that opens with a token that is over asks for another. */
const opened = manager.getUser().then((user) => (user?.expired ? manager.signinSilent() : user)).catch(() => {});

/** What an app that asks `getUser` sees: nobody, or an expired user, is nobody signed in. */
globalThis.ask = async () => {
    await opened;
    const user = await manager.getUser();
    if (!user || user.expired) return { status: 401 };
    try {
        const answer = await fetch('/api/who', { headers: { authorization: `Bearer ${user.access_token}` } });
        return { status: answer.status, ...(answer.ok ? await answer.json() : {}) };
    } catch (error) {
        return { failed: error.name };
    }
};

globalThis.isReady = true;
