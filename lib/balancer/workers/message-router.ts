import { NodeDlbError } from '../../errors.ts'
import type { Call, Notice, PathRequest, Reply } from '../../protocol.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { FailOver } from '../dispatch/fail-over.ts'
import type { Events } from '../events.ts'
import type { Datagrams } from '../listeners/datagrams.ts'
import type { StaleFiles } from '../listeners/stale-files.ts'
import type { ListenerTable } from '../listeners/table.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Sheds } from '../stats/sheds.ts'
import type { AppSignals } from './app-signals.ts'
import type { Drains } from './drains.ts'
import type { Eligibility } from './eligibility.ts'
import type { StartWatches } from './start-watches.ts'
import { passStdin } from './stdin.ts'
import type { ThreadTimes } from './thread-times.ts'
import type { WorkerMessages, WorkerThread } from './worker-thread.ts'

export interface MessageRouterParts {
  readonly options: ResolvedOptions
  readonly table: ListenerTable
  readonly datagrams: Datagrams
  readonly staleFiles: StaleFiles
  readonly appSignals: AppSignals
  readonly starts: StartWatches
  readonly threadTimes: ThreadTimes
  readonly eligibility: Eligibility
  readonly drains: Drains
  readonly sheds: Sheds
  readonly dispatch: Dispatch
  readonly failOver: FailOver
  readonly events: Events
}

/** Passes the workers' calls and notices to the objects that handle them. Main thread. */
export class MessageRouter implements WorkerMessages {
  readonly #parts: MessageRouterParts

  constructor(parts: MessageRouterParts) {
    this.#parts = parts
  }

  answer({ index: worker }: WorkerThread, call: Call): Reply {
    const { table, datagrams, appSignals } = this.#parts
    switch (call.type) {
      case 'listen':
        return table.join(worker, call)
      case 'leave':
        table.leave(worker, call.listener)
        return { type: 'left', links: table.linksOf(worker) }
      case 'path':
        return { type: 'path', isOurs: this.#isOurs(worker, call) }
      case 'bind':
        return datagrams.join(worker, call)
      case 'unbind':
        datagrams.leave(worker, call.socket)
        return { type: 'unbound' }
      case 'handle':
        appSignals.handled(worker, call.signal)
        return { type: 'handles' }
    }
  }

  take(thread: WorkerThread, notice: Notice): void {
    const { dispatch, drains, sheds, appSignals, events, options } = this.#parts
    const { index: worker } = thread
    if (notice.type === 'listening') this.#listening(worker, notice)
    else if (notice.type === 'return') dispatch.dealer.dealReturned([notice])
    else if (notice.type === 'device-failed') this.#deviceFailed(notice)
    else if (notice.type === 'closing') drains.closing(worker)
    else if (notice.type === 'shed') sheds.count('descriptors', notice.connections)
    else if (notice.type === 'overloaded') this.#overloaded(worker, notice.overloaded)
    else if (notice.type === 'unhandle') appSignals.unhandled(worker, notice.signal)
    else if (notice.type === 'raised') events.emit('signal-raised', { worker, signal: notice.signal })
    else if (notice.type === 'debug') options.debug?.(notice.line)
    else if (notice.type === 'stdin' && options.stdin) passStdin(thread)
  }

  #isOurs(worker: number, { path, remove }: PathRequest): boolean {
    const { table, staleFiles } = this.#parts
    return table.isOthersPath(worker, path) || (remove && staleFiles.remove(path))
  }

  #listening(worker: number, { thread }: Extract<Notice, { type: 'listening' }>): void {
    const { threadTimes, starts } = this.#parts
    threadTimes.started(worker, thread)
    starts.listens(worker)
  }

  /** Every worker reports the failure; only the first notice about a domain counts. */
  #deviceFailed({ domainNumber, code, message }: Extract<Notice, { type: 'device-failed' }>): void {
    const { table, failOver } = this.#parts
    if (domainNumber === table.domainNumber) failOver.deviceFailed(new NodeDlbError(code, message))
  }

  #overloaded(worker: number, overloaded: boolean): void {
    const { eligibility } = this.#parts
    if (overloaded) eligibility.hold(worker, 'overloaded')
    else eligibility.letGo(worker, 'overloaded')
  }
}
