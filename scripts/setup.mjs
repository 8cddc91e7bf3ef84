// What `npm test` does first: it makes everything that a fresh clone lacks, and does nothing if
// nothing is missing.
import { setUp } from './setup/run.mjs'

await setUp({ tests: true })
