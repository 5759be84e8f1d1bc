import { defineConfig } from 'vite';

// Everything is local and in files: no inline script or style, no data: addresses, so that a
// Content-Security-Policy of `default-src 'self'` holds. Sources are not mapped: the bundle is
// embedded in a binary.
export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { include: ['test/unit/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
