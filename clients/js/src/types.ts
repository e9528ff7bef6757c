// What an app sees of the client.

/** How the client keeps its credential: contract, section 2.1. */
export type Transport = 'session' | 'cookie' | 'body';

type Awaitable<T> = T | Promise<T>;

/** `localStorage`, React Native's AsyncStorage, or three functions of yours. */
export interface Storage {
    getItem(key: string): Awaitable<string | null>;
    setItem(key: string, value: string): Awaitable<unknown>;
    removeItem(key: string): Awaitable<unknown>;
}

/** Where `body` keeps its refresh token; it never fails. `keptIn` of `@keyward/client/storage` makes one. */
export interface TokenStore {
    read(): Awaitable<string | null>;
    write(token: string | null): Awaitable<unknown>;
}

/** What sends requests with a DPoP proof (RFC 9449); `dpopKey` of `@keyward/client/dpop` is one. */
export interface Prover {
    /** Sends `POST url`. A sign-in makes a key where there is none; a refresh never does. */
    send(fetched: typeof fetch, url: string, init: RequestInit, isSignIn: boolean): Promise<Response>;
}

export interface Options {
    /** Keyward's address, such as `https://auth.example.com`. Left out, it is the page's own origin. */
    baseUrl?: string;
    /** The name of the app at Keyward; `default` if left out. */
    app?: string;
    transport: Transport;
    /** Further origins that get the access token, like `https://api.example.com`. Keyward's and the page's own do. */
    origins?: readonly string[];
    /** For `body`: `keptIn(…)` of `@keyward/client/storage`. Left out, the refresh token is in memory. */
    storage?: (name: string) => TokenStore;
    /** Binds the sessions to a key, for `cookie` and `body`. */
    dpop?: Prover;
    /** In place of the global `fetch`. */
    fetch?: typeof fetch;
    /** Seconds between two looks at whether the session goes on, while somebody listens; 60, and 0 for none. */
    poll?: number;
}

export interface User {
    readonly id: string;
    readonly username: string;
    readonly email: string | null;
    readonly roles: readonly string[];
    /** RFC 3339. */
    readonly created_at: string;
}

/** Not known yet: the server has not been asked, or has not answered. */
export interface Unknown {
    readonly status: 'unknown';
    readonly user: null;
}

export interface SignedIn {
    readonly status: 'signed-in';
    readonly user: User;
    /** The session's id, where the transport tells: not after a page load with `session`. */
    readonly session: string | null;
}

export interface SignedOut {
    readonly status: 'signed-out';
    readonly user: null;
    /** Why a session ended, as in the contract's 2.3 (`logout`, `admin`, `expired`, …); null where there was none. */
    readonly reason: string | null;
}

export type KnownState = SignedIn | SignedOut;
export type State = Unknown | KnownState;

export interface Credentials {
    username: string;
    password: string;
    /** What the user's list of sessions calls this one. */
    device?: string;
}

export type Method = 'totp' | 'recovery_code' | 'passkey';

/** A sign-in that has begun. */
export interface Attempt {
    readonly mfa_token: string;
    /** In seconds. */
    readonly expires_in: number;
}

/** A passkey's answer, as `PublicKeyCredential.toJSON()` has it. */
export type PasskeyAnswer = Readonly<Record<string, unknown>>;

/** One of these proves a second factor. */
export type Proof = { totp: string } | { recovery_code: string } | { passkey: PasskeyAnswer };

/** What a step-up takes: one of them, or the password and another. */
export interface StepUpProof {
    password?: string;
    totp?: string;
    recovery_code?: string;
    passkey?: PasskeyAnswer;
}

/** Keyward said no: `code` is one of the contract's 2.3, `detail` a sentence in English. */
export interface RefusedResult {
    readonly status: 'refused';
    readonly code: string;
    readonly detail: string;
}

export type SignInResult =
    | { readonly status: 'signed-in'; readonly user: User }
    | { readonly status: 'mfa-required'; readonly methods: Method[]; readonly attempt: Attempt }
    | RefusedResult;

export type StepUpResult =
    | { readonly status: 'stepped-up'; readonly acr: string; readonly amr: string[]; readonly auth_time: number }
    /** One factor alone is too little: show the password and another one at once. */
    | { readonly status: 'mfa-required' }
    | RefusedResult;

export interface Session {
    readonly id: string;
    readonly app: string;
    readonly device: string | null;
    readonly ip: string;
    readonly user_agent: string | null;
    /** RFC 3339, as the other two. */
    readonly created_at: string;
    readonly last_seen_at: string;
    readonly expires_at: string;
    /** Is it this one? */
    readonly current: boolean;
}

export interface Sessions {
    /** The user's sessions, the most recently active first. */
    list(): Promise<Session[]>;
    end(id: string): Promise<void>;
    /** Ends all but this one; says how many. */
    endOthers(): Promise<number>;
}

/** Shown once. After the first factor there are none: those of before are still good. */
export interface RecoveryCodes {
    readonly recovery_codes?: readonly string[];
}

export interface Factor {
    readonly id: string;
    readonly kind: 'totp' | 'passkey';
    /** RFC 3339. */
    readonly created_at: string;
}

/** What the browser throws is thrown: a `NotAllowedError` where the user said no. */
export interface Passkeys {
    /** Is there any of that here? */
    isSupported(): boolean;
    /** With no name typed. */
    signIn(options?: { device?: string }): Promise<SignInResult>;
    /** Answers a sign-in whose methods name `passkey`. */
    answer(attempt: Attempt): Promise<SignInResult>;
    /** Proves once more who it is; with the password, where one factor is too little. */
    stepUp(also?: { password?: string }): Promise<StepUpResult>;
    /** Makes one on this device, or on another that the user chooses. */
    register(): Promise<RecoveryCodes>;
    list(): Promise<Factor[]>;
    remove(id: string): Promise<void>;
}

export interface Client {
    readonly app: string | undefined;
    readonly transport: Transport;
    /** What is known now. The same object until something changes. */
    readonly state: State;
    /** The state, once the server has said. Waits as long as it cannot be reached. */
    whenReady(): Promise<KnownState>;
    /** Calls `listener` at each change, whichever tab or device it comes from; returns what ends that. */
    onChange(listener: (state: KnownState) => void): () => void;
    signIn(credentials: Credentials): Promise<SignInResult>;
    /** Goes on with a sign-in that asked for more. A wrong code leaves the attempt good. */
    answer(attempt: Attempt, proof: Proof): Promise<SignInResult>;
    /** Ends the session, or all of the user's. */
    signOut(how?: { everywhere?: boolean }): Promise<void>;
    /** Proves once more who the user is, for what asks for a recent or stronger sign-in (RFC 9470). */
    stepUp(proof: StepUpProof): Promise<StepUpResult>;
    /** `fetch` as the user. */
    fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
    /** An access token that is good now, or null: signed out, or the transport has none. */
    getAccessToken(): Promise<string | null>;
    /** The user, from the server. */
    me(): Promise<User>;
    readonly sessions: Sessions;
    /** Loaded at their first use. */
    readonly passkeys: Passkeys;
    /** Asks any endpoint of Keyward, with JSON in and out: for what has no function here. */
    ask<T = unknown>(method: string, path: string, body?: object): Promise<T>;
    /** Stops listening and looking. */
    close(): void;
}
