import { execFileSync } from 'node:child_process'
import { loopProgram } from './overhead.ts'

/** Runs the loop in C, with the arguments of libdlb-addon.ts. */
execFileSync(loopProgram, process.argv.slice(2), { stdio: ['ignore', 'inherit', 'inherit'] })
