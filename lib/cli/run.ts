import path from 'node:path'
import { Balancer } from '../balancer/balancer.ts'
import type { CloseReport } from '../balancer/events.ts'
import { resolveOptions } from '../balancer/options/options.ts'
import { EntryFailedError } from '../balancer/workers/start-watch.ts'
import { NodeDlbError } from '../errors.ts'
import { entryProblem } from './entry-problem.ts'
import { optionsOf, withFlags } from './option-flags.ts'
import { Reloads } from './reloads.ts'
import { Report } from './report.ts'
import { Signals } from './signals.ts'
import { StatsFile } from './stats-file.ts'

/** What commander has read: the flags of this command, and those that `optionsOf` reads. */
export interface RunFlags extends Readonly<Record<string, unknown>> {
  readonly stats?: string
  readonly quiet?: boolean
}

const CUT_EXIT_CODE = 1
const FAILED_EXIT_CODE = 1
/** The code that shells use for wrong usage. An app that fails exits with 1. */
export const USAGE_EXIT_CODE = 2

/** `node-dlb run`. Ends the process. */
export async function run(entry: string, args: readonly string[], flags: RunFlags): Promise<void> {
  const report = new Report(flags.quiet ?? false)
  const built = build(entry, args, flags, report)
  if (!built) return
  const { balancer, statsFile, drainTimeout } = built
  const closed = new Promise<CloseReport>((resolve) => balancer.once('close', resolve))
  let deviceFailed = false
  balancer.on('error', (error) => {
    deviceFailed ||= error instanceof NodeDlbError && error.code === 'ERR_DLB_DEVICE_FAILED'
  })
  const reloads = new Reloads(balancer, report)
  const signals = new Signals({
    drain: (signal) => {
      report.draining(signal, drainTimeout)
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
    // Nobody asked the balancer to end, and signals that come meanwhile do not change that.
    if (deviceFailed) process.exitCode = FAILED_EXIT_CODE
    else process.exitCode = signals.exitCode ?? (exitCode || (cut > 0 ? CUT_EXIT_CODE : 0))
  } catch (error) {
    process.exitCode = signals.startExitCode ?? failure(error, entry, report)
  } finally {
    if (statsFile) writeStats(statsFile, balancer, report)
  }
  // The process ends here. If Node ended it later by itself, nobody would listen for signals
  // meanwhile, and the second of two would kill the process.
  process.exit()
}

interface Built {
  readonly balancer: Balancer
  readonly statsFile: StatsFile | null
  /** Milliseconds. */
  readonly drainTimeout: number
}

/** @returns null, with the exit code set, if the balancer cannot be built. */
function build(entry: string, args: readonly string[], flags: RunFlags, report: Report): Built | null {
  try {
    const statsFile = flags.stats === undefined ? null : new StatsFile(flags.stats)
    // There is no limit on the start, because the user sees here that the app does not listen.
    const resolved = resolveOptions({ ...optionsOf(flags), entry, argv: args, startTimeout: 0, stdin: true })
    return { balancer: new Balancer(resolved), statsFile, drainTimeout: resolved.drainTimeout }
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
  // The error is the app's, so it is printed as Node itself would print it.
  if (error.workerError !== null && problem?.withError !== false) report.uncaught(error.workerError)
  if (problem) report.error(problem.text)
  return problem?.isUsage ? USAGE_EXIT_CODE : error.exitCode
}
