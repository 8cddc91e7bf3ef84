// Makes dist/lib/bundle, what runs of lib/: `node scripts/bundle.mjs`; npm start and npm test do it when it is stale.
import { build } from 'esbuild'
import { folder, mainEntries } from './setup/bundle.mjs'

const shared = { bundle: true, platform: 'node', target: 'node20.19', packages: 'external', logLevel: 'warning' }

// ES modules, which share what they have in common: there is one NodeDlbError.
await build({ ...shared, entryPoints: mainEntries, outdir: folder, format: 'esm', splitting: true })

// CommonJS, which starts without the loader of ES modules. It also imports of Node's own modules only what it uses: an ES
// module's import of one reads all its exports, among them those that Node loads when they are read.
await build({
  ...shared,
  entryPoints: ['lib/worker/bootstrap.ts'],
  outfile: `${folder}/worker.cjs`,
  format: 'cjs',
  // For createRequire, which takes either.
  define: { 'import.meta.url': '__filename' },
})
