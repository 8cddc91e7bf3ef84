// Makes dist/lib/bundle, what runs of lib/: `node scripts/bundle.mjs`; npm start and npm test do it
// when it is stale.
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

// ES modules, which share what they have in common: there is one NodeDlbError.
await build({ ...shared, entryPoints: mainEntries, format: 'esm', splitting: true })

// CommonJS, which starts without the loader of ES modules. It also imports of Node's own modules
// only what it uses: an ES module's import of one reads all its exports, among them those that Node
// loads when they are read.
await build({
  ...shared,
  entryPoints: workerEntries,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // For createRequire, which takes either.
  define: { 'import.meta.url': '__filename' },
  // Each thread has a copy of the text, in twice the memory if one character of a comment is beyond
  // Latin-1. Names stay, and lines short enough for errors that show theirs.
  minifyWhitespace: true,
  lineLimit: 120,
})
