// Shown once.
export function RecoveryCodes({ codes, done }: { codes: readonly string[]; done: () => void }) {
    return <section className="card" aria-label="Your recovery codes">
        <div>
            <h2>Your recovery codes</h2>
            <p className="soft">
                Each signs you in once in place of your phone. They are shown this once: keep them where the phone is not.
            </p>
        </div>
        <ul className="codes">{codes.map((code) => <li key={code}>{code}</li>)}</ul>
        <div><button type="button" className="quiet" onClick={done}>I have kept them</button></div>
    </section>;
}
