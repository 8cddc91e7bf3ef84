// Makes dist/lib/bundle, the form of lib/ that runs: `node scripts/bundle.mjs`. npm start and npm
// test call this when the bundle is stale.
import { build } from 'esbuild'
import { folder, mainEntries, workerEntries } from './setup/bundle.mjs'

const shared = {
  bundle: true,
  outdir: folder,
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  logLevel: 'warning',
}

// ES modules, which share their common parts, so that there is one NodeDlbError.
await build({ ...shared, entryPoints: mainEntries, format: 'esm', splitting: true })

// CommonJS, which starts without the loader of ES modules. It also reads only what it uses of
// Node's own modules: an ES module's import of one reads all its exports, among them those that
// Node loads when they are read.
await build({
  ...shared,
  entryPoints: workerEntries,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // `createRequire` takes either of the two.
  define: { 'import.meta.url': '__filename' },
  // Each thread has a copy of the text, which takes twice the memory if one character of a comment
  // is beyond Latin-1. Names are kept, and lines stay short enough for errors that show the line.
  minifyWhitespace: true,
  lineLimit: 120,
})
