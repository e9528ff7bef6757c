// How large a page gets by what it imports: minified and gzipped, and apart what is loaded when it is used.
import { gzipSync } from 'node:zlib';

/**
 * The files that a bundler which splits makes of these lines: those that the page loads, and those that are loaded later.
 * `build` is esbuild's. Frameworks count as the page's own.
 */
export async function bundled(build, contents, resolveDir) {
    const { outputFiles, metafile: { outputs } } = await build({
        stdin: { contents, resolveDir }, bundle: true, minify: true, format: 'esm', target: 'es2022', platform: 'browser',
        external: ['react', 'vue'], splitting: true, outdir: 'out', metafile: true, write: false, logLevel: 'error',
    });
    const paths = Object.keys(outputs);
    const eager = new Set(paths.filter((path) => outputs[path].entryPoint === '<stdin>'));
    for (const path of eager) {
        const { imports } = outputs[path];
        for (const { kind, path: other, external } of imports) if (kind === 'import-statement' && !external) eager.add(other);
    }
    return {
        eager: outputFiles.filter((_, nth) => eager.has(paths[nth])),
        lazy: outputFiles.filter((_, nth) => !eager.has(paths[nth])),
    };
}

/** Their bytes. */
export function sizesOf(files) {
    const sum = (size) => files.reduce((sum, { contents }) => sum + size(contents), 0);
    return { minified: sum(({ length }) => length), gzipped: sum((contents) => gzipSync(contents, { level: 9 }).length) };
}
