import { threadId } from 'node:worker_threads'
import { NodeDlbError } from '../../errors.ts'
import { loadAddon } from '../../native.ts'
import type { NativeDlbDomain } from '../../native-dlb.ts'
import { checkInteger, checkObject } from '../check.ts'
import type { DomainStats, DomainToken, PortId, QueueId, QueueKind } from '../device.ts'
import { checkBuffer, EventBuffer, SchedulingType } from '../event-buffer.ts'
import { Alerts, readAlert } from './alert.ts'
import { closedError, portError } from './codes.ts'
import type { DomainConfiguration } from './configuration.ts'
import { calling } from './failure.ts'
import { AttachedPort } from './port.ts'
import { inFlightByDefault, queueStatistic } from './statistics.ts'
import type {
  AttachOptions,
  DlbAlert,
  DlbDirectedPortOptions,
  DlbDomain,
  DlbLoadBalancedPortOptions,
  DlbPort,
  DlbQueueOptions,
  QueueStatistic,
} from './types.ts'
import { checkAttachOptions, setWait } from './wait.ts'

interface DlbToken extends DomainToken {
  /** The registry's key: bytes, so that only what was posted is a token, and no text that somebody wrote down. */
  readonly key: Uint8Array
}

/** One thread's view of a domain. All that the threads share is the addon's. */
export class DlbDomainView implements DlbDomain {
  readonly kind = 'dlb'
  readonly id: number
  readonly #native: NativeDlbDomain
  readonly #key: string
  readonly #number: number
  readonly #combined: boolean
  /** In the creating thread only. */
  readonly #configuration: DomainConfiguration | null
  readonly #onClose: () => void
  readonly #ports = new Set<AttachedPort>()
  readonly #alerts = new Alerts()
  #closed = false

  /** @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED, ERR_DLB_ADDON_UNAVAILABLE */
  static attach(token: DomainToken): DlbDomainView {
    const { key } = token as DlbToken
    if (!(key instanceof Uint8Array) || key.length !== 16) {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'the token is not what share() returned, or a copy of it')
    }
    const native = new (loadAddon().DlbDomain)(Buffer.from(key).toString('hex'))
    if (!native.isOpen()) throw closedError()
    return new DlbDomainView(native, null, () => undefined)
  }

  /** @param onClose called once, when the creating thread has closed the domain. */
  constructor(native: NativeDlbDomain, configuration: DomainConfiguration | null, onClose: () => void) {
    const { id, key, number, combined } = native.facts()
    this.#native = native
    this.id = id
    this.#key = key
    this.#number = number
    this.#combined = combined
    this.#configuration = configuration
    this.#onClose = onClose
    // Whether or not somebody listens: a device reset has to be told to the threads that sleep.
    const { take } = this.#alerts
    if (configuration !== null) native.onAlert((alert, data, isReset) => take(readAlert(alert, data, isReset)))
  }

  createLoadBalancedQueue(options: DlbQueueOptions = {}): QueueId {
    return this.#configure().createLoadBalancedQueue(options)
  }

  createDirectedQueue(): QueueId {
    return this.#configure().createDirectedQueue()
  }

  createLoadBalancedPort(options: DlbLoadBalancedPortOptions): PortId {
    return this.#configure().createLoadBalancedPort(options)
  }

  createDirectedPort(options: DlbDirectedPortOptions): PortId {
    return this.#configure().createDirectedPort(options)
  }

  start(): void {
    this.#configure()
    calling('start', () => this.#native.start())
  }

  attachPort(id: PortId, options: AttachOptions = {}): DlbPort {
    this.#checkOpen()
    const directed = this.#checkPort(id)
    const wait = checkAttachOptions(options)
    const native = loadAddon().attachDlbPort(this.#native, directed, id.id, threadId, wait.mode !== 'interrupt')
    if (native === undefined) throw unknownPort(id)
    if (typeof native === 'number') throw portError(native, id, 'dlb_attach_port')
    setWait(native, id, wait)
    const target = (type: number, queue: number) => this.#native.target((type << 8) | queue)
    const port = new AttachedPort(id, native, this.#number, this.#combined, target, (gone) => this.#ports.delete(gone))
    this.#ports.add(port)
    return port
  }

  disablePort(id: PortId): void {
    this.#setEnabled(id, false)
  }

  enablePort(id: PortId): void {
    this.#setEnabled(id, true)
  }

  recover(id: PortId, events: EventBuffer, max: number): number {
    this.#checkOpen()
    const directed = this.#checkPort(id)
    checkBuffer(events, this.#number)
    checkInteger('max', max, 0, events.length)
    return this.#count(this.#native.recover(directed, id.id, events.words, max), id, 'dlb_recv')
  }

  peek(id: PortId, events: EventBuffer, max: number): number {
    this.#checkOpen()
    const directed = this.#checkPort(id)
    checkBuffer(events, this.#number)
    checkInteger('max', max, 0, events.length)
    return this.#count(this.#native.peek(directed, id.id, events.words, max), id, 'dlb_recv')
  }

  createEvents(length: number): EventBuffer {
    this.#checkOpen()
    return new EventBuffer(this.#number, length)
  }

  share(): DomainToken {
    this.#checkOpen()
    const token: DlbToken = { nodeDlbDomain: 'dlb', key: new Uint8Array(Buffer.from(this.#key, 'hex')) }
    return token
  }

  stats(): DomainStats {
    this.#checkOpen()
    const { creditsFree, queues, ports } = this.#native.stats()
    return {
      creditsFree,
      queues: queues.map(({ directed, id, depth }) => ({ queue: { kind: kindOf(directed), id }, depth })),
      ports: ports.map(({ directed, id, thread, ...figures }) => ({
        port: { kind: kindOf(directed), id },
        thread: thread < 0 ? null : thread,
        ...figures,
      })),
    }
  }

  onAlert(callback: ((alert: DlbAlert) => void) | null): void {
    this.#checkOpen()
    if (this.#configuration === null) throw notCreator('takes its alerts')
    if (callback !== null && typeof callback !== 'function') {
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `callback must be a function or null, not ${String(callback)}`)
    }
    this.#alerts.listen(callback)
  }

  statistic(queue: QueueId, name: QueueStatistic): number | undefined {
    this.#checkOpen()
    this.#checkQueue(queue)
    const type = queueStatistic(queue, name)
    return type === undefined ? undefined : this.#native.statistic(type, queue.id)
  }

  inFlightLimit(queue: QueueId): number {
    this.#checkOpen()
    this.#checkQueue(queue)
    if (queue.kind === 'directed') throw unknownQueue(queue, 'load-balanced')
    const takesOrdered = this.#native.target((SchedulingType.ordered << 8) | queue.id) === 1
    return this.statistic(queue, 'inFlightLimit') || inFlightByDefault(takesOrdered)
  }

  depthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): number {
    this.#checkDepthCounter(queue, level)
    return calling('depthCounter', () => this.#native.depthCounter(queue.kind === 'directed', queue.id, level))
  }

  resetDepthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): void {
    this.#checkDepthCounter(queue, level)
    calling('resetDepthCounter', () => this.#native.resetDepthCounter(queue.kind === 'directed', queue.id, level))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const ports = [...this.#ports]
    if (this.#configuration === null) {
      for (const port of ports) port.detach()
      return
    }
    try {
      calling('close', () => this.#native.close())
    } finally {
      for (const port of ports) port.detach()
      this.#onClose()
    }
  }

  #configure(): DomainConfiguration {
    this.#checkOpen()
    if (this.#configuration === null) throw notCreator('configures and starts it')
    if (this.#native.isStarted()) {
      throw new NodeDlbError('ERR_DLB_ALREADY_STARTED', 'create all queues and ports before start(), and start once')
    }
    return this.#configuration
  }

  #setEnabled(id: PortId, enabled: boolean): void {
    this.#checkOpen()
    const directed = this.#checkPort(id)
    const call = enabled ? 'dlb_enable_port_sched' : 'dlb_disable_port_sched'
    this.#count(this.#native.setEnabled(directed, id.id, enabled, true), id, call)
  }

  #count(result: number | undefined, id: PortId, call: string): number {
    if (result === undefined) throw unknownPort(id)
    if (result < 0) throw portError(result, id, call)
    return result
  }

  #checkDepthCounter(queue: QueueId, level: number): void {
    this.#checkOpen()
    checkInteger('level', level, 0, 3)
    this.#checkQueue(queue)
  }

  #checkQueue(queue: QueueId): void {
    checkObject('queue', queue)
    const directed = queue.kind === 'directed'
    const known = Number.isInteger(queue.id) && queue.id >= 0 && queue.id < 128
    if (known && this.#native.target(((directed ? 3 : 0) << 8) | queue.id) !== 0) return
    throw unknownQueue(queue, queue.kind)
  }

  /** @returns whether the port is directed. */
  #checkPort(id: PortId): boolean {
    checkObject('port', id)
    const directed = id.kind === 'directed'
    const known = (directed || id.kind === 'load-balanced') && Number.isInteger(id.id)
    if (known && this.#native.hasPort(directed, id.id)) return directed
    throw unknownPort(id)
  }

  #checkOpen(): void {
    if (this.#closed || !this.#native.isOpen()) throw closedError()
  }
}

function kindOf(directed: boolean): QueueKind {
  return directed ? 'directed' : 'load-balanced'
}

function unknownQueue({ id }: QueueId, kind: QueueKind): NodeDlbError {
  return new NodeDlbError('ERR_DLB_UNKNOWN_QUEUE', `this domain has no ${String(kind)} queue ${String(id)}`)
}

function unknownPort(id: PortId): NodeDlbError {
  return new NodeDlbError('ERR_DLB_UNKNOWN_PORT', `this domain has no ${String(id.kind)} port ${String(id.id)}`)
}

function notCreator(does: string): NodeDlbError {
  return new NodeDlbError('ERR_DLB_IN_USE', `only the thread that created the domain ${does}`)
}
