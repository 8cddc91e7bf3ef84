import { threadId } from 'node:worker_threads'
import { loadAddon } from '../../native.ts'
import type { NativeDlbDomain } from '../../native-dlb.ts'
import { checkCallback, checkInteger, readFields } from '../check.ts'
import type { DomainStats, DomainToken, PortId, QueueId, QueueKind } from '../device.ts'
import { checkRoom, EventBuffer, SchedulingType } from '../event-buffer.ts'
import {
  alreadyStarted,
  domainClosed,
  notCreator,
  readPortId,
  readQueueId,
  unknownPort,
  unknownQueue,
  wrongToken,
} from '../validate.ts'
import { Alerts, readAlert } from './alert.ts'
import { portError } from './codes.ts'
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
  /**
   * The key of the domain in the addon's registry. It is bytes and not text, so that only a posted
   * token works, and not one that was written down.
   */
  readonly key: Uint8Array
}

/** One thread's view of a domain. The addon has all that the threads share. */
export class DlbDomainView implements DlbDomain {
  readonly kind = 'dlb'
  readonly id: number
  readonly #native: NativeDlbDomain
  readonly #key: string
  readonly #number: number
  readonly #combined: boolean
  /** null in all threads but the creating one. */
  readonly #configuration: DomainConfiguration | null
  readonly #onClose: () => void
  readonly #ports = new Set<AttachedPort>()
  readonly #alerts = new Alerts()
  #closed = false

  /** @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_CLOSED, ERR_DLB_ADDON_UNAVAILABLE */
  static attach(token: DomainToken): DlbDomainView {
    const { key } = readFields('token', token as DlbToken, ['key'])
    const { types } = process.getBuiltinModule('node:util')
    if (!types.isUint8Array(key) || key.byteLength !== 16) throw wrongToken()
    const native = new (loadAddon().DlbDomain)(Buffer.from(key).toString('hex'))
    if (!native.isOpen()) throw domainClosed()
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
    // The callback is always needed: threads that sleep have to learn of a device reset.
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

  attachPort(port: PortId, options: AttachOptions = {}): DlbPort {
    this.#checkOpen()
    const id = this.#known(port)
    const directed = id.kind === 'directed'
    const wait = checkAttachOptions(options)
    const native = loadAddon().attachDlbPort(this.#native, directed, id.id, threadId, wait.mode !== 'interrupt')
    if (native === undefined) throw unknownPort(id)
    if (typeof native === 'number') throw portError(native, id, 'dlb_attach_port')
    setWait(native, id, wait)
    const target = (type: number, queue: number) => this.#native.target((type << 8) | queue)
    const detached = (gone: AttachedPort) => this.#ports.delete(gone)
    const attached = new AttachedPort(id, native, this.#number, this.#combined, target, detached)
    this.#ports.add(attached)
    return attached
  }

  disablePort(id: PortId): void {
    this.#setEnabled(id, false)
  }

  enablePort(id: PortId): void {
    this.#setEnabled(id, true)
  }

  recover(port: PortId, events: EventBuffer, max: number): number {
    this.#checkOpen()
    const id = this.#known(port)
    checkRoom(events, max, this.#number)
    return this.#count(this.#native.recover(id.kind === 'directed', id.id, events.words, max), id, 'dlb_recv')
  }

  peek(port: PortId, events: EventBuffer, max: number): number {
    this.#checkOpen()
    const id = this.#known(port)
    checkRoom(events, max, this.#number)
    return this.#count(this.#native.peek(id.kind === 'directed', id.id, events.words, max), id, 'dlb_recv')
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
    checkCallback(callback)
    this.#alerts.listen(callback)
  }

  statistic(queue: QueueId, name: QueueStatistic): number | undefined {
    this.#checkOpen()
    const known = this.#knownQueue(queue)
    const type = queueStatistic(known, name)
    return type === undefined ? undefined : this.#native.statistic(type, known.id)
  }

  inFlightLimit(queue: QueueId): number {
    this.#checkOpen()
    const known = this.#knownQueue(queue)
    if (known.kind === 'directed') throw unknownQueue(known)
    const takesOrdered = this.#native.target((SchedulingType.ordered << 8) | known.id) === 1
    return this.statistic(known, 'inFlightLimit') || inFlightByDefault(takesOrdered)
  }

  depthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): number {
    const { kind, id } = this.#knownDepthCounter(queue, level)
    return calling('depthCounter', () => this.#native.depthCounter(kind === 'directed', id, level))
  }

  resetDepthCounter(queue: QueueId, level: 0 | 1 | 2 | 3): void {
    const { kind, id } = this.#knownDepthCounter(queue, level)
    calling('resetDepthCounter', () => this.#native.resetDepthCounter(kind === 'directed', id, level))
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
      calling('close', () => this.#native.close(), {
        ETIMEDOUT: [
          'ERR_DLB_DEVICE_FAILED',
          'libdlb did not end the domain within 5 s, which happens if its driver refuses an alert; ' +
            'its descriptors are closed instead: open the device again',
        ],
      })
    } finally {
      for (const port of ports) port.detach()
      this.#onClose()
    }
  }

  #configure(): DomainConfiguration {
    this.#checkOpen()
    if (this.#configuration === null) throw notCreator('configures and starts it')
    if (this.#native.isStarted()) throw alreadyStarted()
    return this.#configuration
  }

  #setEnabled(port: PortId, enabled: boolean): void {
    this.#checkOpen()
    const id = this.#known(port)
    const call = enabled ? 'dlb_enable_port_sched' : 'dlb_disable_port_sched'
    this.#count(this.#native.setEnabled(id.kind === 'directed', id.id, enabled, true), id, call)
  }

  #count(result: number | undefined, id: PortId, call: string): number {
    if (result === undefined) throw unknownPort(id)
    if (result < 0) throw portError(result, id, call)
    return result
  }

  #knownDepthCounter(queue: QueueId, level: number): QueueId {
    this.#checkOpen()
    checkInteger('level', level, 0, 3)
    return this.#knownQueue(queue)
  }

  #knownQueue(queue: QueueId): QueueId {
    const id = readQueueId(queue)
    const type = id.kind === 'directed' ? SchedulingType.directed : SchedulingType.atomic
    if (this.#native.target((type << 8) | id.id) === 0) throw unknownQueue(id)
    return id
  }

  #known(port: PortId): PortId {
    const id = readPortId(port)
    if (!this.#native.hasPort(id.kind === 'directed', id.id)) throw unknownPort(id)
    return id
  }

  #checkOpen(): void {
    if (this.#closed || !this.#native.isOpen()) throw domainClosed()
  }
}

function kindOf(directed: boolean): QueueKind {
  return directed ? 'directed' : 'load-balanced'
}
