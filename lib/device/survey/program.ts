import { writeSync } from 'node:fs'
import type { DlbOpenOptions } from '../dlb/library.ts'
import { probe } from './probe.ts'

/**
 * The program that separately.ts runs. Its first argument is the options as JSON; it writes the
 * Probe as JSON to descriptor 3.
 */
const result = Buffer.from(JSON.stringify(probe(JSON.parse(process.argv[2]) as DlbOpenOptions)))
for (let written = 0; written < result.length; ) written += writeSync(3, result, written)
