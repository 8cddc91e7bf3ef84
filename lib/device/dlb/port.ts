import { NodeDlbError } from '../../errors.ts'
import type { NativeDlbPort } from '../../native-dlb.ts'
import { checkCallback, checkInteger } from '../check.ts'
import type { PortId, QueueId } from '../device.ts'
import { type EventBuffer, SchedulingType } from '../event-buffer.ts'
import { readLinkedQueue, releaseExceeded, unknownQueue } from '../validate.ts'
import { Call, LentEvents } from './call.ts'
import { code, portError } from './codes.ts'
import { Command } from './command.ts'
import { type Target, targetError } from './targets.ts'
import type { DlbPort } from './types.ts'
import { readWait, type Wait } from './wait.ts'

/**
 * A port as its thread uses it. Except for the checks of arguments, each method is one call of the
 * addon: see native/dlb/port.h.
 */
export class AttachedPort implements DlbPort {
  // These are only declared: see call.ts.
  declare readonly id: PortId
  declare private readonly native: NativeDlbPort
  declare private readonly call: Call
  declare private readonly sent: LentEvents
  declare private readonly received: LentEvents
  readonly #combined: boolean
  readonly #target: Target
  readonly #onDetach: (port: AttachedPort) => void

  constructor(
    id: PortId,
    native: NativeDlbPort,
    domainKey: number,
    combined: boolean,
    target: Target,
    onDetach: (port: AttachedPort) => void,
  ) {
    this.id = id
    this.native = native
    this.call = new Call(native)
    this.sent = new LentEvents(native, this.call, domainKey, false)
    this.received = new LentEvents(native, this.call, domainKey, true)
    this.#combined = combined
    this.#target = target
    this.#onDetach = onDetach
  }

  get unreleased(): number {
    return Math.max(0, this.native.unreleased())
  }

  send(events: EventBuffer, count: number, offset = 0): number {
    this.sent.give(events, count, offset)
    this.native.send()
    const sent = this.call.result()
    return sent < 0 ? this.#failSend(sent, events, count, offset, 'dlb_send') : sent
  }

  sendBeyondCredits(events: EventBuffer, count: number): number {
    this.sent.give(events, count, 0)
    this.native.sendBeyond()
    const sent = this.call.result()
    return sent < 0 ? this.#failSend(sent, events, count, 0, 'dlb_send') : sent
  }

  forward(events: EventBuffer, count: number, offset = 0): number {
    this.sent.give(events, count, offset)
    this.native.forward()
    const sent = this.call.result()
    return sent < 0 ? this.#failSend(sent, events, count, offset, 'dlb_forward') : sent
  }

  receive(events: EventBuffer, max: number): number {
    this.received.give(events, max, 0)
    this.native.receive()
    const received = this.call.result()
    return received < 0 ? this.#fail(received, 'dlb_recv') : received
  }

  receiveWithoutPop(events: EventBuffer, max: number): number {
    this.received.give(events, max, 0)
    this.native.receiveWithoutPop()
    return this.#check(this.call.result(), 'dlb_recv_no_pop')
  }

  release(count: number): void {
    checkInteger('count', count, 0, 0x7fffffff)
    this.call.setCount(count)
    this.native.release()
    const released = this.call.result()
    if (released < 0) this.#failRelease(released, 'release', count, 'dlb_release')
  }

  pop(count: number): number {
    checkInteger('count', count, 0, 1024)
    this.call.setCount(count)
    this.native.pop()
    const popped = this.call.result()
    if (popped >= 0) return popped
    if (popped !== code.releaseExceeded) return this.#fail(popped, 'dlb_pop_cq')
    throw new NodeDlbError('ERR_DLB_RELEASE_EXCEEDED', `cannot pop ${count}: fewer were received without pop`)
  }

  advancedSend(events: EventBuffer, count: number): number {
    this.sent.give(events, count, 0)
    for (let i = 0; i < count; i++) {
      const command = (events.words[i * 4 + 3] >>> 24) & 15
      if (!this.#combined && (command & 14) === Command.fragment) {
        throw new NodeDlbError('ERR_DLB_UNSUPPORTED', `event ${i} is a fragment; DLB 2.0 has none`)
      }
      if (!this.#combined || events.schedulingType(i) !== SchedulingType.directed || command < Command.send) continue
      throw new NodeDlbError(
        'ERR_DLB_UNSUPPORTED',
        `event ${i} is directed; on this device, libdlb sends those by send() only`,
      )
    }
    // The arguments are stored again, because reading an object that only looks like a buffer may
    // have run any code.
    this.sent.give(events, count, 0)
    this.native.advancedSend()
    const sent = this.call.result()
    if (sent === code.releaseExceeded) {
      throw new NodeDlbError('ERR_DLB_RELEASE_EXCEEDED', 'the commands complete, or return, more than the port owes')
    }
    return sent < 0 ? this.#failSend(sent, events, count, 0, 'dlb_adv_send') : sent
  }

  onReadable(callback: (() => void) | null): void {
    checkCallback(callback)
    this.#check(this.native.watch(callback), 'dlb_enable_cq_epoll')
  }

  waitProfile(): Wait {
    const profile = this.native.waitProfile()
    return typeof profile === 'number' ? this.#fail(profile, 'dlb_get_wait_profile') : readWait(profile)
  }

  ref(): void {
    this.native.hold(true)
  }

  unref(): void {
    this.native.hold(false)
  }

  link(queue: QueueId, priority = 0): void {
    checkInteger('priority', priority, 0, 7)
    this.#check(this.native.link(this.#linkable(queue), priority), 'dlb_link_queue')
  }

  unlink(queue: QueueId): void {
    this.#check(this.native.unlink(this.#linkable(queue)), 'dlb_unlink_queue')
  }

  enable(): void {
    this.#check(this.native.setEnabled(true, true), 'dlb_enable_port_sched')
  }

  disable(): void {
    this.#check(this.native.setEnabled(false, true), 'dlb_disable_port_sched')
  }

  stop(): void {
    this.#check(this.native.setEnabled(false, false), 'dlb_disable_port')
  }

  resume(): void {
    this.#check(this.native.setEnabled(true, false), 'dlb_enable_port')
  }

  detach(): void {
    this.native.detach()
    this.#onDetach(this)
  }

  #linkable(queue: QueueId): number {
    const id = readLinkedQueue(queue, this.id)
    if (this.#target(SchedulingType.atomic, id) === 0) throw unknownQueue({ kind: 'load-balanced', id })
    return id
  }

  #check(result: number, call: string): number {
    return result < 0 ? this.#fail(result, call) : result
  }

  #fail(result: number, call: string): never {
    throw portError(result, this.id, call)
  }

  #failRelease(result: number, verb: string, count: number, call: string): never {
    if (result !== code.releaseExceeded) this.#fail(result, call)
    throw releaseExceeded(this.id, verb, count, this.unreleased)
  }

  #failSend(result: number, events: EventBuffer, count: number, offset: number, call: string): never {
    if (result === code.unknownQueue || result === code.wrongScheduling) {
      throw targetError(events, count, offset, this.#target)
    }
    this.#failRelease(result, 'forward', count, call)
  }
}
