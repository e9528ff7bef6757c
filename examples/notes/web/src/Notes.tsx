// The notes, from the Express API, and what they come to, from the FastAPI service.
import { useEffect } from 'react';

import { ActButton, ActForm } from './Act';
import { ask } from './ask';
import { useLoaded } from './useLoaded';

type Note = { id: string; text: string; at: string };
type Insights = { notes: number; words: number; often: string[] };

const loadNotes = () => ask<Note[]>('GET', '/api/notes');
const loadInsights = () => ask<Insights>('GET', '/api/insights');

export function Notes() {
    const notes = useLoaded(loadNotes);
    const insights = useLoaded(loadInsights);
    useEffect(() => {
        const changes = new EventSource('/api/notes/changes');
        const reload = () => { notes.reload(); insights.reload(); };
        changes.onmessage = reload;
        // It ends with the session, and with the network: the next request tells which.
        changes.onerror = reload;
        return () => changes.close();
    }, [notes.reload, insights.reload]);
    return <>
        <div><h1>Notes</h1><p className="soft">What you write here shows in your other tabs at once.</p></div>
        <section className="card">
            <ActForm className="line" act={({ text }) => ask('POST', '/api/notes', { text })}>
                <label>New note<input name="text" required maxLength={500} autoComplete="off" /></label>
                <button>Add</button>
            </ActForm>
        </section>
        {notes.failure && <p role="alert" className="bad">{notes.failure}</p>}
        {notes.value && <NoteList notes={notes.value} />}
        {insights.value && <Figures {...insights.value} />}
    </>;
}

function NoteList({ notes }: { notes: Note[] }) {
    if (!notes.length) return <section className="card"><p className="soft">Nothing yet.</p></section>;
    return <section className="card"><ul className="list" aria-label="Notes">{notes.map((note) => (
        <li key={note.id} className="row">
            <span>{note.text}</span>
            <ActButton className="quiet small" label={`Delete: ${note.text}`} act={() => ask('DELETE', `/api/notes/${note.id}`)}>
                Delete
            </ActButton>
        </li>
    ))}</ul></section>;
}

function Figures({ notes, words, often }: Insights) {
    return <section className="card" aria-label="Insights"><dl className="figures">
        <div><dt>Notes</dt><dd>{notes}</dd></div>
        <div><dt>Words</dt><dd>{words}</dd></div>
        <div><dt>Used most</dt><dd>{often.join(', ') || '–'}</dd></div>
    </dl></section>;
}
