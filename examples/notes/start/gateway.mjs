// nginx.conf with the ports of the day.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `ports` maps each port that is written in the file to the one that is used; returns the file to start with. */
export function writeGateway(run, ports) {
    const text = readFileSync(join(import.meta.dirname, '../nginx.conf'), 'utf8');
    const file = join(run, 'nginx.conf');
    writeFileSync(file, text.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => ports[port]));
    mkdirSync(join(run, 'temp'), { recursive: true });
    return file;
}
