import type { OverLimit } from '../balancer/admission.ts'
import { Balancer, type CloseReport } from '../balancer/balancer.ts'
import type { FallbackPolicy } from '../balancer/fabric.ts'
import type { ListenerOptions } from '../balancer/listener-settings.ts'
import { resolveOptions } from '../balancer/options.ts'
import type { PolicyName } from '../balancer/policies/index.ts'
import { EntryFailedError } from '../balancer/startup.ts'
import { NodeDlbError } from '../errors.ts'
import { Report } from './report.ts'
import { Signals } from './signals.ts'

export interface RunFlags {
  readonly workers?: number
  readonly device?: 'auto' | 'software' | 'dlb'
  readonly id?: number
  readonly library?: string
  readonly fallbackPolicy: FallbackPolicy
  readonly maxRetries?: number
  readonly policy: PolicyName
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
/** As the shells have it; 1 is what an app that fails gives. */
export const USAGE_EXIT_CODE = 2

/** `node-dlb run`. Sets the exit code, and leaves nothing that holds the process. */
export async function run(entry: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const report = new Report(flags.quiet ?? false, flags.stats ?? null)
  const balancer = build(entry, args, flags, report)
  if (!balancer) return
  const closed = new Promise<CloseReport>((resolve) => balancer.once('close', resolve))
  const signals = new Signals({
    drain: (signal) => {
      report.draining(signal, flags.drainTimeout)
      void balancer.close({ signal })
    },
    cut: () => void balancer.close({ timeout: 0 }),
    reload: () => void reload(balancer, report),
    stats: flags.stats === undefined ? null : () => report.writeStats(balancer.stats()),
  })
  report.follow(balancer)
  try {
    await balancer.start()
    report.started(balancer)
    const { cut } = await closed
    report.closed(cut, signals.received)
    process.exitCode = signals.exitCode ?? (cut > 0 ? CUT_EXIT_CODE : 0)
  } catch (error) {
    process.exitCode = signals.startExitCode ?? failure(error, report)
  } finally {
    report.writeStats(balancer.stats())
    signals.close()
    process.stdin.unref?.()
  }
}

async function reload(balancer: Balancer, report: Report): Promise<void> {
  report.reloading()
  try {
    report.reloaded(await balancer.reload())
  } catch (error) {
    if (!(error instanceof NodeDlbError)) throw error
    // That it is closing has been told.
    if (error.code !== 'ERR_DLB_CLOSED') report.reloadFailed(error)
  }
}

/** @returns null, with the exit code set, if it cannot be. */
function build(entry: string, args: readonly string[], flags: RunFlags, report: Report): Balancer | null {
  const { stats: _, quiet: __, listener: listeners, ...options } = flags
  try {
    // An app that takes its time to listen is its user's business, who sees it here; hence no limit.
    return new Balancer(resolveOptions({ ...options, listeners, entry, argv: args, startTimeout: 0, stdin: true }))
  } catch (error) {
    process.exitCode = failure(error, report)
    return null
  }
}

/** Says what went wrong. @returns the exit code */
function failure(error: unknown, report: Report): number {
  if (!(error instanceof NodeDlbError)) throw error
  if (!(error instanceof EntryFailedError)) {
    report.error(error.message)
    return error.code === 'ERR_DLB_INVALID_ARGUMENT' ? USAGE_EXIT_CODE : FAILED_EXIT_CODE
  }
  // What Node itself would say, and nothing of ours: it is the app's error.
  if (error.workerError !== null) report.uncaught(error.workerError)
  return error.exitCode
}
