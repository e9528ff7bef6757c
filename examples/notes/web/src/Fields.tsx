// What is typed to prove who one is. Password managers and phones know the fields by `autoComplete`.
export function Password() {
    return <label>Password<input name="password" type="password" autoComplete="current-password" required /></label>;
}

export function Code({ name }: { name: string }) {
    const digits = { inputMode: 'numeric', autoComplete: 'one-time-code', pattern: '\\d{6}' } as const;
    return <label>Code from your app<input name={name} {...digits} required autoFocus /></label>;
}

export function RecoveryCode({ name }: { name: string }) {
    return <label>Recovery code<input name={name} autoComplete="off" required autoFocus /></label>;
}
