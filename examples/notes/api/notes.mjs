// The notes of each user, in a file of their own. The service in insights/ reads the same files.
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const folder = process.env.NOTES;
const fileOf = (user) => join(folder, `${encodeURIComponent(user)}.json`);

/** Tells of a change, by the user's id. */
export const changes = new EventEmitter().setMaxListeners(0);

async function read(file) {
    try {
        return JSON.parse(await readFile(file, 'utf8'));
    } catch (error) {
        if (error.code === 'ENOENT') return { notes: [] };
        throw error;
    }
}

export const notesOf = async (user) => (await read(fileOf(user))).notes;

const turns = new Map();

/** One change of a user's notes at a time: what two tabs add at once is both kept. */
export function change(user, name, edit) {
    const turn = (turns.get(user) ?? Promise.resolve()).then(async () => {
        const notes = edit(await notesOf(user));
        const draft = `${fileOf(user)}.new`;
        await writeFile(draft, JSON.stringify({ name, notes }));
        await rename(draft, fileOf(user));
        changes.emit(user);
        return notes;
    });
    turns.set(user, turn.catch(() => {}));
    return turn;
}

export const noted = (text) => (notes) => [{ id: randomUUID(), text, at: new Date().toISOString() }, ...notes];
export const without = (id) => (notes) => notes.filter((note) => note.id !== id);

/** Who has how many. */
export async function totals() {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const kept = await Promise.all(files.map((name) => read(join(folder, name))));
    return kept.map(({ name, notes }) => ({ name, notes: notes.length, last: notes[0]?.at ?? null }));
}
