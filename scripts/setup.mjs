// What `npm test` does first: everything that a fresh clone lacks, and nothing when it lacks
// nothing.
import { setUp } from './setup/run.mjs'

await setUp({ tests: true })
