import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspectLibrary } from '../../lib/device/dlb/library.ts'
import type { Case, Result } from '../lib/rounds.ts'
import { scriptCase } from '../lib/script-case.ts'
import { type Spread, spread } from '../lib/stats.ts'

/**
 * Measures what TypeScript and the addon cost over libdlb's functions: the same loop through them,
 * and in C.
 */
const root = fileURLToPath(new URL('../../../', import.meta.url))
const source = `${root}bench/native/libdlb_loop.c`
const CPU = 'CPU ns/event'
/** The program is beside this file, in the folder of compiled files. */
export const loopProgram = script('libdlb_loop')
const standIn = `${root}native/sim/build/Release/libdlb.so`

export interface Pair {
  readonly name: string
  /** The library's file, and whether it is the stand-in. */
  readonly library: string
  readonly addon: Case
  readonly c: Case
}

const loops = [
  { type: 'unordered', batch: 32, events: 6_400_000 },
  { type: 'directed', batch: 32, events: 12_800_000 },
  { type: 'unordered', batch: 1, events: 2_000_000 },
  { type: 'directed', batch: 1, events: 2_000_000 },
] as const

/**
 * @param library default: NODE_DLB_LIBRARY, then the stand-in; there are no pairs where libdlb
 *   cannot run
 */
export function overheadPairs(library = process.env.NODE_DLB_LIBRARY ?? standIn): readonly Pair[] {
  if (process.platform !== 'linux' || process.arch !== 'x64') return []
  const facts = inspectLibrary({ library })
  const what = facts.standIn ? 'stand-in' : 'device'
  const file = facts.standIn ? `${facts.file}, the stand-in: its figures are not the device's` : facts.file
  return loops.map(({ type, batch, events }) => {
    const name = `over the ${what}, ${type}, ${batch === 1 ? 'one by one' : `batch ${batch}`}`
    const args = [facts.file, what, type, String(batch), String(events)]
    return {
      name,
      library: file,
      addon: scriptCase('device', { name: `addon ${name}`, script: script('libdlb-addon.js'), args }),
      c: scriptCase('device', { name: `C loop ${name}`, script: script('libdlb-c.js'), args }),
    }
  })
}

/**
 * Builds the loop in C, and gives the stand-in's domains a folder for their files, for all trials.
 */
export function prepareOverhead(): void {
  // These are node-gyp's options for the addon and the stand-in.
  execFileSync(process.env.CC ?? 'cc', ['-std=gnu11', '-O3', '-o', loopProgram, source, '-ldl'])
  const folder = mkdtempSync(path.join(tmpdir(), 'node-dlb-bench-'))
  Object.assign(process.env, { DLB_SIM_SHM_DIR: folder, DLB_SIM_SOCKET_DIR: folder })
  process.on('exit', () => rmSync(folder, { recursive: true }))
}

/**
 * Returns the ratio of the pair's CPU time per event, addon by C, in each round: the two ran one
 * after the other.
 */
export function ratioOf({ addon, c }: Pair, results: readonly Result[]): Spread | undefined {
  const [ours, bare] = [addon, c].map(({ name }) => results.find((result) => result.name === name)?.samples)
  if (!ours?.length || ours.length !== bare?.length) return undefined
  return spread(ours.map(({ figures }, round) => figures[CPU] / bare[round].figures[CPU]))
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
