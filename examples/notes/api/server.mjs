// The API: each user's notes, and for admins how many there are. Who asks is for Keyward to say.
import express from 'express';
import { createVerifier, guard } from '@keyward/node/express';

import { change, changes, noted, notesOf, totals, without } from './notes.mjs';

const { KEYWARD_URL: url, KEYWARD_SECRET: secret, PORT: port } = process.env;
const app = express();
app.set('trust proxy', 'loopback');
app.get('/api/health', (request, response) => response.json({ ok: true }));
app.use('/api', guard(createVerifier({ url, app: 'notes-api', secret })), express.json());

app.get('/api/notes', async ({ identity }, response) => {
    response.json(await notesOf(identity.userId));
});

app.post('/api/notes', async ({ identity, body }, response) => {
    const text = String(body?.text ?? '').trim().slice(0, 500);
    if (!text) return response.status(400).json({ detail: 'A note has words.' });
    response.json(await change(identity.userId, identity.username, noted(text)));
});

app.delete('/api/notes/:id', async ({ identity, params }, response) => {
    response.json(await change(identity.userId, identity.username, without(params.id)));
});

// An event each time the user's notes change. The stream ends with the session: `guard` sees to that.
app.get('/api/notes/changes', ({ identity }, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.write(': open\n\n');
    const tell = () => response.write('data: changed\n\n');
    changes.on(identity.userId, tell);
    response.on('close', () => changes.off(identity.userId, tell));
});

app.get('/api/admin/totals', async (request, response) => {
    response.json(await totals());
});

app.listen(port, '127.0.0.1');
