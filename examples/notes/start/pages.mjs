// The pages, built into a folder that nginx serves.
import { join } from 'node:path';

/** With `watch` they are built again when a source changes: then load the page again. */
export async function buildPages(run, watch) {
    // Not at the top: it is a package, which may have to be installed first.
    const { build } = await import('vite');
    const root = join(import.meta.dirname, '../web');
    await build({ root, logLevel: 'warn', build: { outDir: join(run, 'web'), emptyOutDir: true, watch: watch ? {} : null } });
}
