import os from 'node:os'
import path from 'node:path'
import { CommanderError } from 'commander'
import { NodeDlbError } from '../../lib/index.ts'
import { BackendError, type Backends, openBackends } from './backends.ts'
import { Gateway, StartError } from './gateway.ts'
import type { Plan } from './istio/plan.ts'
import { ConfigurationError } from './istio/problem.ts'
import { readDocuments } from './istio/read.ts'
import { resolvePlan } from './istio/resolve.ts'
import { type Options, parseOptions } from './options.ts'
import { Screen } from './screen.ts'
import { summaryLines } from './summary.ts'

/**
 * `npm start` runs this file. It reads the documents, starts the backend and the gateway, and
 * drains them at Ctrl-C.
 */

const FAILED = 1
const WRONG_USAGE = 2
const SIGNAL_BASE = 128
/**
 * A signal that follows the first within this time is the same one: npm passes on what its group
 * has got, and so does `timeout`.
 */
const SAME_SIGNAL_MS = 500

// The gateway serves on even if nobody reads its output any more.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined)

const screen = new Screen(process.stdout)

try {
  process.exitCode = await main(parseOptions(process.argv))
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** @returns the exit code */
async function main(options: Options): Promise<number> {
  const plan = resolvePlan(readDocuments(options.config))
  const workers = (options.workers ?? plan.workers) || os.availableParallelism()
  const backends = await openBackends(plan.services, options.backends)
  try {
    const gateway = await startGateway(plan, options, workers, backends)
    const ended = serveUntilSignal(gateway, options.drainTimeout)
    // From the summary on, a signal drains, because whoever reads it may send one at once.
    const summary = summaryLines({
      config: options.config.map((name) => path.relative('.', name) || '.'),
      plan,
      gateway,
      host: options.host,
      workers,
      workersWhy: options.workers === null ? plan.workersWhy : '--workers',
      places: backends.places,
    })
    for (const line of summary) screen.line(line)
    screen.follow(() => gateway.loads())
    return await ended
  } finally {
    screen.stop()
    await backends.close()
  }
}

function startGateway(plan: Plan, options: Options, workers: number, { origins }: Backends): Promise<Gateway> {
  const { host, port, backendTimeout, debug } = options
  const { balancing, devices, virtualHosts } = plan
  return Gateway.start({
    workers,
    work: { listen: { host, port }, proxy: { virtualHosts, backends: origins, backendTimeout } },
    balancing,
    hasDevice: devices > 0,
    debug: debug ? (line) => screen.line(`${new Date().toISOString()} debug ${line}`) : null,
    say: (line) => screen.line(line),
  })
}

/** The first SIGINT or SIGTERM drains, the second cuts. */
function serveUntilSignal(gateway: Gateway, drainTimeout: number): Promise<number> {
  return new Promise((resolve) => {
    let told = 0
    let firstAt = 0
    const onSignal = (signal: NodeJS.Signals): void => {
      if (told > 0 && performance.now() - firstAt < SAME_SIGNAL_MS) return
      told++
      if (told > 1) {
        screen.line(`${signal} again: open connections are cut`)
        void gateway.close(0)
        return
      }
      firstAt = performance.now()
      screen.line(`${signal}: no new connections; open ones have ${drainTimeout / 1000} s (send it again to cut them)`)
      void gateway.close(drainTimeout).then(({ cut }) => {
        // The handlers stay, so that a signal that comes while the process ends does not take its
        // exit code.
        screen.stop()
        screen.line(
          cut === 0 ? 'all connections finished' : `${cut} ${cut === 1 ? 'connection was' : 'connections were'} cut`,
        )
        resolve(told > 1 ? SIGNAL_BASE + os.constants.signals[signal] : Number(cut > 0))
      })
    }
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  })
}

/** Prints what went wrong, unless it has been printed. An unexpected error is thrown on. */
function exitCodeOf(error: unknown): number {
  // Commander has printed the error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE
  const isInvalid = error instanceof NodeDlbError && error.code === 'ERR_DLB_INVALID_ARGUMENT'
  const wrongUsage = isInvalid || error instanceof ConfigurationError || error instanceof BackendError
  if (!wrongUsage && !(error instanceof StartError) && !(error instanceof NodeDlbError)) throw error
  process.stderr.write(`${error.message}\n`)
  return wrongUsage ? WRONG_USAGE : FAILED
}
