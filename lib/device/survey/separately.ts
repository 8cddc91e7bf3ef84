import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { packageFile } from '../../package-file.ts'
import type { DlbOpenOptions } from '../dlb/library.ts'
import { attempt } from './files.ts'
import type { Probe } from './probe.ts'

export interface SeparateProbe {
  /** null if the process ended without a result. */
  readonly probe: Probe | null
  /** What libdlb printed, or Node if it failed. */
  readonly printed: readonly string[]
  /** The signal or exit code that the process ended with, if it failed; else null. */
  readonly ending: string | null
}

const timeout = 60_000
/**
 * Probes in a process of its own. libdlb prints to stdout, which must carry only our own output,
 * and it is not known beforehand what a file of that name does when it is loaded.
 */
export async function probeSeparately(options: DlbOpenOptions): Promise<SeparateProbe> {
  const program = packageFile('dist/lib/bundle/probe.js')
  const child = spawn(process.execPath, [...process.execArgv, program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  })
  const [[code, signal], stdout, stderr, result] = await Promise.all([
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ...[1, 2, 3].map((fd) => text(child.stdio[fd] as Readable)),
  ])
  // Each line is kept once, because libdlb prints the same lines again when `auto` opens the
  // device.
  const printed = [...new Set(`${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== ''))]
  const probe = attempt(() => JSON.parse(result) as Probe)
  return { probe, printed, ending: code === 0 && probe !== null ? null : (signal ?? `exit code ${code}`) }
}
