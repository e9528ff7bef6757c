// For admins alone: the gateway asks for the role, and for two factors shown a moment ago.
import { ask } from './ask';
import { moment } from './moment';
import { useLoaded } from './useLoaded';

type Total = { name: string; notes: number; last: string | null };

const loadTotals = () => ask<Total[]>('GET', '/api/admin/totals');

export function Admin() {
    const { value, failure } = useLoaded(loadTotals);
    return <>
        <div><h1>Admin</h1><p className="soft">Asks for two factors, shown in the last five minutes.</p></div>
        {failure && <p role="alert" className="bad">{failure}</p>}
        {value && <section className="card"><table>
            <thead><tr><th scope="col">User</th><th scope="col">Notes</th><th scope="col">Last one</th></tr></thead>
            <tbody>{value.map(({ name, notes, last }) => (
                <tr key={name}><td>{name}</td><td>{notes}</td><td>{last ? moment(last) : '–'}</td></tr>
            ))}</tbody>
        </table></section>}
    </>;
}
