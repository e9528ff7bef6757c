// Where the user is signed in: end one, or all but this one.
import type { Session } from '@keyward/client';

import { ActButton } from './Act';
import { keyward } from './auth';
import { deviceOf } from './deviceOf';
import { moment } from './moment';
import { useLoaded } from './useLoaded';

export function Devices() {
    const { value, failure, reload } = useLoaded(keyward.sessions.list);
    const others = value?.filter((session) => !session.current).length ?? 0;
    return <>
        <div><h1>My devices</h1><p className="soft">Where you are signed in. What you end here is out at once.</p></div>
        {failure && <p role="alert" className="bad">{failure}</p>}
        {value && <section className="card"><ul className="list" aria-label="Devices">
            {value.map((session) => <Device key={session.id} session={session} reload={reload} />)}
        </ul></section>}
        {others > 0 && <div>
            <ActButton className="quiet" act={() => keyward.sessions.endOthers().then(reload)}>Sign out everywhere else</ActButton>
        </div>}
    </>;
}

function Device({ session, reload }: { session: Session; reload: () => Promise<void> }) {
    const name = session.device ?? deviceOf(session.user_agent);
    const end = () => keyward.sessions.end(session.id).then(reload);
    return <li className="row">
        <div>
            <p>{name}</p>
            <p className="soft">{session.ip} · last seen {moment(session.last_seen_at)}</p>
        </div>
        {session.current
            ? <span className="tag">this one</span>
            : <ActButton className="quiet small" label={`Sign out ${name}`} act={end}>Sign out</ActButton>}
    </li>;
}
