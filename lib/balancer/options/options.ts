import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'
import { print } from '../../print.ts'
import { ListenerSettingsTable } from '../listeners/settings.ts'
import { type BalancerOptions, MAX_WORKERS } from './balancer-options.ts'
import { listenerOptionNames } from './listener-options.ts'
import type { Option } from './option.ts'
import { isObject, readOnce } from './read-once.ts'
import { limitNames } from './resource-limits.ts'
import { type Filled, optionNames, optionTable } from './table.ts'

/** Options whose resolved value differs from the value that was given. */
type Worked =
  | 'entry'
  | 'workers'
  | 'maxWorkers'
  | 'listeners'
  | 'proxyProtocol'
  | 'deferAccept'
  | 'maxConnections'
  | 'maxConnectionsPerWorker'
  | 'debug'

/** The options of a balancer, checked and with their defaults. BalancerOptions documents them. */
export interface ResolvedOptions extends Omit<Filled, Worked> {
  /** An absolute path. */
  readonly entry: string
  /** The entry's URL if it has a query or a hash, which a path cannot have; otherwise null. */
  readonly entryUrl: string | null
  readonly workers: number
  readonly maxWorkers: number
  /**
   * The number of places for workers: one more than `maxWorkers` if the device has a port for it,
   * because `reload()` starts a worker before it ends another.
   */
  readonly workerPlaces: number
  readonly listeners: ListenerSettingsTable
  /** This process's environment, as it is now. */
  readonly environment: Readonly<Record<string, string>>
  /** Infinity: no limit. */
  readonly maxConnections: number
  /** Infinity: no limit. */
  readonly maxConnectionsPerWorker: number
  readonly debug: ((line: string) => void) | null
}

/**
 * Checks all options before anything is built, and fills in the defaults.
 * @throws ERR_DLB_INVALID_ARGUMENT, which names every option that is wrong
 */
export function resolveOptions(given: BalancerOptions): ResolvedOptions {
  const options = readOptions(given)
  const problems = findProblems(options)
  if (problems.length > 0) throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', problems.join('; '))
  const { proxyProtocol, deferAccept, ...filled } = fillIn(options)
  const { entry, policy, listeners, maxConnections, maxConnectionsPerWorker } = filled
  const workers = options.workers ?? Math.min(os.availableParallelism(), options.maxWorkers ?? MAX_WORKERS)
  const maxWorkers = options.maxWorkers ?? workers
  return {
    ...filled,
    entry: path.resolve(entry instanceof URL ? fileURLToPath(entry) : entry),
    entryUrl: entry instanceof URL && entry.search + entry.hash !== '' ? entry.href : null,
    workers,
    maxWorkers,
    workerPlaces: Math.min(maxWorkers + 1, MAX_WORKERS),
    listeners: new ListenerSettingsTable({ policy, proxyProtocol, deferAccept }, listeners),
    environment: { ...process.env } as Record<string, string>,
    maxConnections: maxConnections ?? Number.POSITIVE_INFINITY,
    maxConnectionsPerWorker: maxConnectionsPerWorker ?? Number.POSITIVE_INFINITY,
    debug: debugSink(options.debug),
  }
}

function fillIn(options: BalancerOptions): Filled & { readonly entry: string | URL } {
  const filled = optionNames.map((name) => [name, options[name] ?? optionTable[name].default])
  return Object.fromEntries(filled)
}

/** Options that have no effect under 'nop', because main deals nothing there. */
const needDealing = ['maxConnections', 'maxConnectionsPerWorker', 'maxEventLoopDelay', 'parking'] as const

/** @throws ERR_DLB_INVALID_ARGUMENT if the options are no object, or cannot be read */
function readOptions(given: unknown): BalancerOptions {
  if (!isObject(given)) {
    const message = `options must be an object with an entry, not ${show(given)}`
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', message)
  }
  const options = readOnce('the options', given, optionNames)
  const { listeners, resourceLimits } = options
  if (isObject(listeners)) options.listeners = readListeners(listeners)
  if (isObject(resourceLimits)) options.resourceLimits = readOnce('resourceLimits', resourceLimits, limitNames)
  return options as unknown as BalancerOptions
}

function readListeners(listeners: object): Record<string, unknown> {
  const read = readOnce('listeners', listeners, [])
  for (const [address, options] of Object.entries(read)) {
    if (!isObject(options)) continue
    read[address] = readOnce(`the options of listener '${address}'`, options, listenerOptionNames)
  }
  return read
}

function findProblems(options: BalancerOptions): string[] {
  const problems: string[] = []
  if (options.entry === undefined) problems.push('entry must be given: the file that the workers run')
  for (const [name, value] of Object.entries(options)) {
    const problem = findProblem(name, value)
    if (problem) problems.push(problem)
  }
  const { workers, maxWorkers } = options
  if (problems.length === 0 && workers !== undefined && maxWorkers !== undefined && maxWorkers < workers) {
    problems.push(`maxWorkers must be at least workers (${workers}), not ${maxWorkers}`)
  }
  if (options.policy === 'nop') {
    const useless = needDealing.filter((name) => options[name])
    for (const name of useless)
      problems.push(`${name} needs a policy that deals; under 'nop' the workers accept for themselves`)
  }
  return problems
}

function findProblem(name: string, value: unknown): string | null {
  if (!Object.hasOwn(optionTable, name)) return `there is no option '${name}' (there are ${optionNames.join(', ')})`
  const { kind }: Option<unknown> = optionTable[name as keyof BalancerOptions]
  if (value === undefined || kind.accepts(value)) return null
  return `${name} must be ${kind.expected(value)}, not ${show(value)}`
}

function debugSink(debug: BalancerOptions['debug']): ((line: string) => void) | null {
  if (typeof debug === 'function') return debug
  const on = debug ?? process.getBuiltinModule('node:util').debuglog('dlb').enabled
  return on ? (line) => print(2, `${line}\n`) : null
}
