import path from 'node:path'
import { Balancer } from '../balancer/balancer.ts'
import type { OverLimit } from '../balancer/dispatch/admission.ts'
import type { PolicyName } from '../balancer/dispatch/policies/names.ts'
import type { CloseReport } from '../balancer/events.ts'
import type { ListenerOptions } from '../balancer/listeners/settings.ts'
import type { FallbackPolicy } from '../balancer/options/options.ts'
import { resolveOptions } from '../balancer/options/options.ts'
import { EntryFailedError } from '../balancer/workers/start-watch.ts'
import { NodeDlbError } from '../errors.ts'
import { entryProblem } from './entry-problem.ts'
import { Reloads } from './reloads.ts'
import { Report } from './report.ts'
import { Signals } from './signals.ts'
import { StatsFile } from './stats-file.ts'

export interface RunFlags {
  readonly workers?: number
  readonly device?: 'auto' | 'software' | 'dlb'
  readonly id?: number
  readonly library?: string
  readonly fallbackPolicy: FallbackPolicy
  readonly maxRetries?: number
  readonly policy: PolicyName
  readonly affinityTimeout?: number
  readonly listener?: Readonly<Record<string, ListenerOptions>>
  /** Milliseconds. */
  readonly drainTimeout: number
  readonly stallTimeout?: number
  readonly parking?: boolean
  readonly proxyProtocol?: boolean
  readonly deferAccept?: boolean
  readonly maxConnections?: number
  readonly maxConnectionsPerWorker?: number
  readonly overLimit: OverLimit
  readonly maxEventLoopDelay?: number
  readonly stats?: string
  readonly debug?: boolean
  readonly quiet?: boolean
}

const CUT_EXIT_CODE = 1
const FAILED_EXIT_CODE = 1
/** Shells use it for that, and 1 is what an app that fails gives. */
export const USAGE_EXIT_CODE = 2

/** `node-dlb run`. Ends the process. */
export async function run(entry: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const report = new Report(flags.quiet ?? false)
  const built = build(entry, args, flags, report)
  if (!built) return
  const { balancer, statsFile } = built
  const closed = new Promise<CloseReport>((resolve) => balancer.once('close', resolve))
  let deviceFailed = false
  balancer.on('error', (error) => {
    deviceFailed ||= error instanceof NodeDlbError && error.code === 'ERR_DLB_DEVICE_FAILED'
  })
  const reloads = new Reloads(balancer, report)
  const signals = new Signals({
    drain: (signal) => {
      report.draining(signal, flags.drainTimeout)
      void balancer.close({ signal })
    },
    cut: () => void balancer.close({ timeout: 0 }),
    reload: () => void reloads.reload(),
    stats: (passed) => {
      if (statsFile) writeStats(statsFile, balancer, report)
      else if (!passed) report.noStats()
    },
    pass: (signal) => balancer.signal(signal) > 0,
  })
  balancer.on('signal-handler', ({ signal, handled }) => signals.setHandled(signal, handled))
  balancer.on('signal-raised', ({ signal }) => signals.raised(signal))
  report.follow(balancer, entry)
  try {
    await reloads.after(balancer.start())
    report.started(balancer, entry)
    const { cut, exitCode } = await closed
    report.closed(cut, signals.received)
    // Nobody asked it to end, and signals that come meanwhile change nothing of that.
    if (deviceFailed) process.exitCode = FAILED_EXIT_CODE
    else process.exitCode = signals.exitCode ?? (exitCode || (cut > 0 ? CUT_EXIT_CODE : 0))
  } catch (error) {
    process.exitCode = signals.startExitCode ?? failure(error, entry, report)
  } finally {
    if (statsFile) writeStats(statsFile, balancer, report)
  }
  // While Node takes the process apart by itself, signals are not listened for: the second of two
  // that are sent would kill it.
  process.exit()
}

interface Built {
  readonly balancer: Balancer
  readonly statsFile: StatsFile | null
}

/** @returns null, with the exit code set, if it cannot be. */
function build(entry: string, args: readonly string[], flags: RunFlags, report: Report): Built | null {
  const { stats, quiet: _, listener: listeners, ...options } = flags
  try {
    const statsFile = stats === undefined ? null : new StatsFile(stats)
    // An app that takes its time to listen is its user's business, who sees it here; hence no
    // limit.
    const resolved = resolveOptions({ ...options, listeners, entry, argv: args, startTimeout: 0, stdin: true })
    return { balancer: new Balancer(resolved), statsFile }
  } catch (error) {
    process.exitCode = failure(error, entry, report)
    return null
  }
}

function writeStats(file: StatsFile, balancer: Balancer, report: Report): void {
  try {
    file.write(`${JSON.stringify(balancer.stats(), null, 2)}\n`)
  } catch (error) {
    report.error(`cannot write the figures: ${(error as Error).message}`)
  }
}

/** Says what went wrong. @returns the exit code */
function failure(error: unknown, entry: string, report: Report): number {
  if (!(error instanceof NodeDlbError)) throw error
  if (!(error instanceof EntryFailedError)) {
    const isUsage = error.code === 'ERR_DLB_INVALID_ARGUMENT'
    report.error(isUsage ? withFlags(error.message) : error.message)
    return isUsage ? USAGE_EXIT_CODE : FAILED_EXIT_CODE
  }
  const problem = entryProblem(path.resolve(entry), error)
  // What Node itself would say: it is the app's error.
  if (error.workerError !== null && problem?.withError !== false) report.uncaught(error.workerError)
  if (problem) report.error(problem.text)
  return problem?.isUsage ? USAGE_EXIT_CODE : error.exitCode
}

/**
 * A message about options of startBalancer, which are the command's in another spelling:
 * drainTimeout is --drain-timeout.
 */
function withFlags(message: string): string {
  return message.replace(/\b(\w+)(?= (?:must be|needs a policy))/g, (name) => {
    if (name === 'entry') return name
    return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  })
}
