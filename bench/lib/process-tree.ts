import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The figures of /proc/<pid>/stat that are needed here. */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /**
   * Clock ticks of CPU time: of all threads, and of children that have ended and were waited for.
   */
  readonly ticks: number
}

/**
 * Returns the process and its descendants that live. Those whose parent ended before them are not
 * found.
 */
export function treeOf(root: number): ProcessStat[] {
  const all = allProcesses()
  const tree = all.filter(({ pid }) => pid === root)
  // The list grows while it is walked.
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid))
  return tree
}

/**
 * Returns the CPU time that a process tree has used until now, in µs. A child that ends meanwhile
 * stays in the sum, because its parent's figure takes it over. So the difference of two readings is
 * exact to a clock tick per process.
 */
export function cpuOfTree(root: number): number {
  const ticks = treeOf(root).reduce((sum, process) => sum + process.ticks, 0)
  return (ticks / ticksPerSecond()) * 1e6
}

/** Returns the CPU time of each of a process's threads until now. */
export function cpuOfThreads(pid: number): { thread: number; microseconds: number }[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((name) => {
    const text = read(`/proc/${pid}/task/${name}/stat`)
    return text === null ? [] : { thread: Number(name), microseconds: (parseStat(text).ticks / ticksPerSecond()) * 1e6 }
  })
}

/**
 * Returns the proportional set size in bytes: memory that several processes share is divided among
 * them.
 */
export function memoryOfTree(root: number): number {
  return treeOf(root).reduce((sum, { pid }) => sum + pssOf(pid), 0)
}

/**
 * @param text the text of /proc/<pid>/stat. The name in it can hold anything, brackets and spaces
 *   too.
 */
export function parseStat(text: string): ProcessStat {
  const pid = Number.parseInt(text, 10)
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number)
  return { pid, parent: Number(fields[1]), ticks: user + system + childrenUser + childrenSystem }
}

function allProcesses(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []))
}

/** @returns null if the process has ended */
function readStat(pid: number): ProcessStat | null {
  const text = read(`/proc/${pid}/stat`)
  return text === null ? null : parseStat(text)
}

function pssOf(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')?.[1]
  return Number(kilobytes ?? 0) * 1024
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return null
  }
}

let ticks = 0
function ticksPerSecond(): number {
  ticks ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  return ticks
}
