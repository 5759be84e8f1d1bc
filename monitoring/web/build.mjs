#!/usr/bin/env node
// Builds the page: node build.mjs [FOLDER], by default dist/. What it writes depends on the sources
// and on package-lock.json only.
//
// Everything is local and in files: no inline script or style, no data: addresses, so that a
// Content-Security-Policy of `default-src 'self'` holds. Sources are not mapped: the bundle is
// embedded in a binary.
import { build } from 'esbuild';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const folder = process.argv[2] ?? join(HERE, 'dist');

rmSync(folder, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: HERE, entryPoints: { index: 'src/main.tsx' }, outdir: join(folder, 'assets'),
  entryNames: '[name]-[hash]', bundle: true, format: 'esm', target: 'es2022', minify: true,
  jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none', charset: 'utf8',
  metafile: true, logLevel: 'warning',
});
cpSync(join(HERE, 'public'), folder, { recursive: true });

const made = (kind) =>
  basename(Object.keys(metafile.outputs).find((name) => name.endsWith(`.${kind}`)));
const tags = `<script type="module" src="./assets/${made('js')}"></script>
    <link rel="stylesheet" href="./assets/${made('css')}" />`;
const html = readFileSync(join(HERE, 'index.html'), 'utf8');
writeFileSync(join(folder, 'index.html'),
              html.replace('<script type="module" src="/src/main.tsx"></script>', () => tags));
