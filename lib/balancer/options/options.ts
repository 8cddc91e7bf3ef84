import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ResourceLimits, SHARE_ENV } from 'node:worker_threads'
import { show } from '../../device/check.ts'
import { NodeDlbError } from '../../errors.ts'
import { print } from '../../print.ts'
import { type OverLimit, overLimitNames } from '../dispatch/admission.ts'
import { isPolicyName, type PolicyName, policyNames } from '../dispatch/policies/names.ts'
import { type ListenerOptions, ListenerSettingsTable } from '../listeners/settings.ts'
import { isObject, readOnce } from './read-once.ts'
import { checkResourceLimits, limitNames } from './resource-limits.ts'

/** The device's most ports, less the acceptor's own. */
export const MAX_WORKERS = 63
const MAX_CREDITS = 16_384
const MAX_MS = 2 ** 31 - 1
const MAX_RETRIES = 1_000_000
export const deviceNames = ['auto', 'software', 'dlb'] as const

export const fallbackNames = ['software', 'exact', 'nop', 'none'] as const

export type FallbackPolicy = (typeof fallbackNames)[number]

/** All times are in milliseconds. Unknown names are refused. */
export interface BalancerOptions {
  /**
   * The file that every worker runs: a server as for plain Node, ESM, CommonJS or (where Node runs
   * it) TypeScript. Relative paths are resolved against the current directory. A URL keeps its
   * query and hash: see docs/api.md.
   */
  readonly entry: string | URL
  /** 1–63 threads; default `os.availableParallelism()`, at most `maxWorkers`. */
  readonly workers?: number | undefined
  /**
   * `resize()` goes up to so many, at least `workers`: the device's ports for them are taken at the
   * start. 1–63; default `workers`.
   */
  readonly maxWorkers?: number | undefined
  /**
   * Default: NODE_DLB_DEVICE, else 'auto': the hardware if there is one that works, else the
   * software device.
   */
  readonly device?: (typeof deviceNames)[number] | undefined
  /**
   * The n of /dev/dlb<n>, 0–63; if that is not there, the lowest that is. Default: the lowest that
   * opens.
   */
  readonly id?: number | undefined
  /** Intel's libdlb, a file or a name. Default: NODE_DLB_LIBRARY, else `libdlb.so`. */
  readonly library?: string | undefined
  /**
   * What takes the place of a DLB device that was asked for and cannot be had, that cannot be set
   * up, or that fails while it is used: the software device with the same policy, or with 'exact';
   * 'nop', no device; 'none', an error. Default 'software'. ('auto' on a machine without DLB takes
   * the software device in any case.)
   */
  readonly fallbackPolicy?: FallbackPolicy | undefined
  /**
   * When the device takes nothing (no credits), it is asked again after 1 ms, 2, 4 … 16, and
   * accepting pauses meanwhile; after so many tries in vain what waits is shed: 0–1,000,000.
   * Default null: it waits until the device takes it.
   */
  readonly maxRetries?: number | null | undefined
  /** Default 'unordered'. See docs/policies.md. */
  readonly policy?: PolicyName | undefined
  /**
   * Under 'affinity', a client keeps its worker for so long after its last connection; 0: only
   * while it has one. Default 60,000.
   */
  readonly affinityTimeout?: number | undefined
  /**
   * Listeners with a policy or priority of their own, by what the app listens on: `'8443'`,
   * `'127.0.0.1:8443'`, `'[::1]:8443'`, or the path of a Unix socket.
   */
  readonly listeners?: Readonly<Record<string, ListenerOptions>> | undefined
  /** The app's arguments: `process.argv.slice(2)` in the workers. Default none. */
  readonly argv?: readonly string[] | undefined
  /**
   * `process.env` of the workers. Default: each has a copy of this thread's as it is now; what a
   * worker sets is also set in the process's environment, which C code reads. An object: each has a
   * copy of that, and the process has nothing of it. SHARE_ENV: all have the process's own.
   */
  readonly env?: NodeJS.ProcessEnv | typeof SHARE_ENV | undefined
  /** Node's own options for the workers; default this thread's. */
  readonly execArgv?: readonly string[] | undefined
  /** `workerData` of the workers; cloned. Default null. */
  readonly workerData?: unknown
  /** As of `worker_threads.Worker`, for each worker. */
  readonly resourceLimits?: ResourceLimits | undefined
  /**
   * false: only servers that the app gives to `attach()` are balanced. Default true: every server
   * that listens.
   */
  readonly hook?: boolean | undefined
  /**
   * Pass this process's stdin on to workers that read theirs. Default false: they find it open and
   * silent.
   */
  readonly stdin?: boolean | undefined
  /** How long `close()` lets connections finish; 0 cuts at once. Default 10,000. */
  readonly drainTimeout?: number | undefined
  /**
   * How long the start may take until every worker listens or has exited; 0: no limit. Default
   * 60,000.
   */
  readonly startTimeout?: number | undefined
  /**
   * Wait before a worker that died is respawned; doubles with each death within 10 s of the start.
   * Default 100.
   */
  readonly respawnDelay?: number | undefined
  /** Bound of that wait. Default 10,000. */
  readonly maxRespawnDelay?: number | undefined
  /**
   * A worker that has not taken a connection for so long, while the same one waits for it, is
   * stalled: what waits there is dealt to others, and it gets no more before it has caught up.
   * Under policies that choose the worker themselves, 1,000 at least. 0: never. Default 3.
   */
  readonly stallTimeout?: number | undefined
  /**
   * Under light load, keep connections on few workers, so that the others' threads sleep; see
   * docs/operations.md. Default false.
   */
  readonly parking?: boolean | undefined
  /**
   * Connections begin with the PROXY protocol's header, version 1 or 2, as proxies send it:
   * `socket.remoteAddress` is then the client's. Whoever can reach the listener can name any
   * address. Default false.
   */
  readonly proxyProtocol?: boolean | undefined
  /**
   * A TCP connection is accepted only when its client has sent something (TCP_DEFER_ACCEPT), or
   * after a second: for protocols in which the client speaks first, as HTTP and TLS. It saves CPU
   * where connections are new for each request; see bench/README.md. Default false.
   */
  readonly deferAccept?: boolean | undefined
  /**
   * Bound on the connections that are open or on their way to a worker; 1 and up. Default null:
   * none.
   */
  readonly maxConnections?: number | null | undefined
  /** The same for each worker. Default null: none. */
  readonly maxConnectionsPerWorker?: number | null | undefined
  /**
   * Beyond them, 'wait' (default): accepting stops, and the kernel's backlog holds what arrives.
   * 'reset': it is reset. '503': it is answered so, in HTTP/1.1 without TLS, and closed. Both count
   * as shed.
   */
  readonly overLimit?: OverLimit | undefined
  /**
   * A worker whose event loop is later than so, on average over half a second, gets no new
   * connections before it is half as late; 1 and up. Default null: it is not measured.
   */
  readonly maxEventLoopDelay?: number | null | undefined
  /**
   * Bound on the connections that wait in the device, 1–16,384; default 64 per worker, plus 320.
   */
  readonly credits?: number | undefined
  /**
   * A line per connection and step: true for stderr, or a function. Default: on if NODE_DEBUG has
   * `dlb`.
   */
  readonly debug?: boolean | ((line: string) => void) | undefined
}

export interface ResolvedOptions {
  /** Absolute path. */
  readonly entry: string
  /** With a query or a hash, which a path has not; null without. */
  readonly entryUrl: string | null
  readonly workers: number
  readonly maxWorkers: number
  /**
   * Workers that there can be at a time: one more than `maxWorkers`, where the device has so many
   * ports, for `reload()`.
   */
  readonly slots: number
  /** undefined: what NODE_DLB_DEVICE says. */
  readonly device: (typeof deviceNames)[number] | undefined
  readonly id: number | undefined
  readonly library: string | undefined
  readonly fallbackPolicy: FallbackPolicy
  readonly maxRetries: number | null
  readonly policy: PolicyName
  readonly affinityTimeout: number
  readonly listeners: ListenerSettingsTable
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv | typeof SHARE_ENV | undefined
  /** This process's, as it is now. */
  readonly environment: Readonly<Record<string, string>>
  readonly execArgv: readonly string[] | undefined
  readonly workerData: unknown
  readonly resourceLimits: ResourceLimits | undefined
  readonly hook: boolean
  readonly stdin: boolean
  readonly drainTimeout: number
  readonly startTimeout: number
  readonly respawnDelay: number
  readonly maxRespawnDelay: number
  /** 0: off. */
  readonly stallTimeout: number
  readonly parking: boolean
  /** Infinity: no limit; as the next. */
  readonly maxConnections: number
  readonly maxConnectionsPerWorker: number
  readonly overLimit: OverLimit
  readonly maxEventLoopDelay: number | null
  readonly credits: number | undefined
  readonly debug: ((line: string) => void) | null
}

type Check = (value: unknown) => string | null

const wholeNumber =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `a whole number from ${min} to ${max}`
const aBoolean: Check = (value) => (typeof value === 'boolean' ? null : 'true or false')
const anObject: Check = (value) => (isObject(value) ? null : 'an object')
const strings: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? null : 'an array of strings'
const oneOf =
  (names: readonly string[]): Check =>
  (value) =>
    names.includes(value as string) ? null : `one of ${names.join(', ')}`

const orNull =
  (check: Check): Check =>
  (value) =>
    value === null ? null : check(value)

const checks: Record<keyof BalancerOptions, Check> = {
  entry: (value) =>
    (typeof value === 'string' && value !== '' && !value.includes('\0')) || isFileUrl(value)
      ? null
      : 'a path or a file: URL',
  workers: wholeNumber(1, MAX_WORKERS),
  maxWorkers: wholeNumber(1, MAX_WORKERS),
  device: oneOf(deviceNames),
  id: wholeNumber(0, 63),
  library: (value) => (typeof value === 'string' && value !== '' ? null : 'a file or the name of a library'),
  fallbackPolicy: oneOf(fallbackNames),
  maxRetries: orNull(wholeNumber(0, MAX_RETRIES)),
  policy: (value) => (isPolicyName(value) ? null : `one of ${policyNames.join(', ')}`),
  affinityTimeout: wholeNumber(0, MAX_MS),
  listeners: (value) =>
    anObject(value) ??
    Object.values(value as object)
      .map(checkListener)
      .find((problem) => problem !== null) ??
    null,
  argv: strings,
  env: (value) => (value === SHARE_ENV ? null : anObject(value)),
  execArgv: strings,
  workerData: () => null,
  resourceLimits: (value) => anObject(value) ?? checkResourceLimits(value as Record<string, unknown>),
  hook: aBoolean,
  stdin: aBoolean,
  drainTimeout: wholeNumber(0, MAX_MS),
  startTimeout: wholeNumber(0, MAX_MS),
  respawnDelay: wholeNumber(1, MAX_MS),
  maxRespawnDelay: wholeNumber(1, MAX_MS),
  stallTimeout: wholeNumber(0, MAX_MS),
  parking: aBoolean,
  proxyProtocol: aBoolean,
  deferAccept: aBoolean,
  maxConnections: orNull(wholeNumber(1, MAX_MS)),
  maxConnectionsPerWorker: orNull(wholeNumber(1, MAX_MS)),
  overLimit: oneOf(overLimitNames),
  maxEventLoopDelay: orNull(wholeNumber(1, MAX_MS)),
  credits: wholeNumber(1, MAX_CREDITS),
  debug: (value) => (typeof value === 'function' ? null : aBoolean(value) && 'true, false or a function'),
}

const listenerChecks: Record<keyof ListenerOptions, Check> = {
  policy: (value) => (isPolicyName(value) ? null : `one of ${policyNames.join(', ')}`),
  priority: wholeNumber(0, 7),
  proxyProtocol: aBoolean,
  deferAccept: aBoolean,
}

function checkListener(options: unknown): string | null {
  if (anObject(options) !== null) return "objects, such as { '8443': { priority: 1 } }"
  for (const [name, value] of Object.entries(options as object)) {
    if (!Object.hasOwn(listenerChecks, name))
      return `objects with ${Object.keys(listenerChecks).join(', ')} and no '${name}'`
    const expected = value === undefined ? null : listenerChecks[name as keyof ListenerOptions](value)
    if (expected) return `objects whose ${name} is ${expected}`
  }
  return null
}

/** One that names a file of this machine. */
function isFileUrl(value: unknown): value is URL {
  if (!(value instanceof URL)) return false
  try {
    return fileURLToPath(value) !== ''
  } catch {
    return false
  }
}

/**
 * Checks all of them before anything is built, and fills in the defaults.
 * @throws ERR_DLB_INVALID_ARGUMENT, which names every option that is wrong
 */
export function resolveOptions(given: BalancerOptions): ResolvedOptions {
  const options = readOptions(given)
  const problems = findProblems(options)
  if (problems.length > 0) throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', problems.join('; '))
  const { entry } = options
  const workers = options.workers ?? Math.min(os.availableParallelism(), options.maxWorkers ?? MAX_WORKERS)
  const maxWorkers = options.maxWorkers ?? workers
  return {
    entry: path.resolve(entry instanceof URL ? fileURLToPath(entry) : entry),
    entryUrl: entry instanceof URL && entry.search + entry.hash !== '' ? entry.href : null,
    workers,
    maxWorkers,
    slots: Math.min(maxWorkers + 1, MAX_WORKERS),
    device: options.device,
    id: options.id,
    library: options.library,
    fallbackPolicy: options.fallbackPolicy ?? 'software',
    maxRetries: options.maxRetries ?? null,
    policy: options.policy ?? 'unordered',
    affinityTimeout: options.affinityTimeout ?? 60_000,
    listeners: new ListenerSettingsTable(
      {
        policy: options.policy ?? 'unordered',
        proxyProtocol: options.proxyProtocol ?? false,
        deferAccept: options.deferAccept ?? false,
      },
      options.listeners ?? {},
    ),
    argv: options.argv ?? [],
    env: options.env,
    environment: { ...process.env } as Record<string, string>,
    execArgv: options.execArgv,
    workerData: options.workerData ?? null,
    resourceLimits: options.resourceLimits,
    hook: options.hook ?? true,
    stdin: options.stdin ?? false,
    drainTimeout: options.drainTimeout ?? 10_000,
    startTimeout: options.startTimeout ?? 60_000,
    respawnDelay: options.respawnDelay ?? 100,
    maxRespawnDelay: options.maxRespawnDelay ?? 10_000,
    stallTimeout: options.stallTimeout ?? 3,
    parking: options.parking ?? false,
    maxConnections: options.maxConnections ?? Number.POSITIVE_INFINITY,
    maxConnectionsPerWorker: options.maxConnectionsPerWorker ?? Number.POSITIVE_INFINITY,
    overLimit: options.overLimit ?? 'wait',
    maxEventLoopDelay: options.maxEventLoopDelay ?? null,
    credits: options.credits,
    debug: debugSink(options.debug),
  }
}

/** What nobody could keep to under 'nop'. */
const needDealing = ['maxConnections', 'maxConnectionsPerWorker', 'maxEventLoopDelay', 'parking'] as const

/** @throws ERR_DLB_INVALID_ARGUMENT for what is no object, or cannot be read */
function readOptions(given: unknown): BalancerOptions {
  if (!isObject(given)) {
    const message = `options must be an object with an entry, not ${show(given)}`
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', message)
  }
  const options = readOnce('the options', given, Object.keys(checks))
  const { listeners, resourceLimits } = options
  if (isObject(listeners)) options.listeners = readListeners(listeners)
  if (isObject(resourceLimits)) options.resourceLimits = readOnce('resourceLimits', resourceLimits, limitNames)
  return options as unknown as BalancerOptions
}

function readListeners(listeners: object): Record<string, unknown> {
  const read = readOnce('listeners', listeners, [])
  for (const [address, options] of Object.entries(read)) {
    if (isObject(options))
      read[address] = readOnce(`the options of listener '${address}'`, options, Object.keys(listenerChecks))
  }
  return read
}

function findProblems(options: BalancerOptions): string[] {
  const problems: string[] = []
  if (options.entry === undefined) problems.push('entry must be given: the file that the workers run')
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name))
      problems.push(`there is no option '${name}' (there are ${Object.keys(checks).join(', ')})`)
    else if (value !== undefined) {
      const expected = checks[name as keyof BalancerOptions](value)
      if (expected) problems.push(`${name} must be ${expected}, not ${show(value)}`)
    }
  }
  const { workers, maxWorkers } = options
  if (problems.length === 0 && workers !== undefined && maxWorkers !== undefined && maxWorkers < workers) {
    problems.push(`maxWorkers must be at least workers (${workers}), not ${maxWorkers}`)
  }
  if (options.policy === 'nop') {
    const moot = needDealing.filter((name) => options[name])
    for (const name of moot)
      problems.push(`${name} needs a policy that deals; under 'nop' the workers accept for themselves`)
  }
  return problems
}

function debugSink(debug: BalancerOptions['debug']): ((line: string) => void) | null {
  if (typeof debug === 'function') return debug
  const on = debug ?? process.getBuiltinModule('node:util').debuglog('dlb').enabled
  return on ? (line) => print(2, `${line}\n`) : null
}
