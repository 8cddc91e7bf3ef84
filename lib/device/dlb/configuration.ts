import { NodeDlbError } from '../../errors.ts'
import type { NativeDlbDomain, NativeDomainConfig } from '../../native-dlb.ts'
import { checkBoolean, checkChoice, checkInteger, readOptions } from '../check.ts'
import type { PortId, QueueId } from '../device.ts'
import { sequenceNumberCounts } from '../sequence-slots.ts'
import { checkDepth, checkLeft, consumedQueue, readQueueId, unknownQueue } from '../validate.ts'
import type { CompleteConfig } from './domain-config.ts'
import { calling } from './failure.ts'
import { SequenceNumbers } from './sequence-numbers.ts'
import type { DlbDirectedPortOptions, DlbLoadBalancedPortOptions, DlbQueueOptions } from './types.ts'

const compressionLevels = [0, 64, 128, 256, 512, 1024, 2048, 4096, 65536]
const anyClass = 4

/**
 * Creates a domain's queues and ports, in the creating thread, before the start. It counts the
 * resources that are left itself, because libdlb returns EINVAL for every kind of shortage. It
 * checks before it creates, because neither a queue nor a port can be given back.
 */
export class DomainConfiguration {
  readonly #domain: NativeDlbDomain
  readonly #config: NativeDomainConfig
  readonly #sequenceNumbers: SequenceNumbers
  readonly #portsPerClass: number[]
  readonly #weights: boolean
  #balancedQueues = 0
  #balancedPorts = 0
  #entries = 0
  /** Directed queues by id; true if a port consumes the queue. */
  readonly #directed = new Map<number, boolean>()

  /** @param weights whether the device has `eventWeight`. */
  constructor(domain: NativeDlbDomain, { native: config, slots }: CompleteConfig, weights: boolean) {
    this.#domain = domain
    this.#weights = weights
    this.#config = config
    this.#portsPerClass = [...config.portsPerClass, config.loadBalancedPorts]
    this.#sequenceNumbers = new SequenceNumbers(slots, {
      slots: config.sequenceNumberSlots,
      perQueue: config.sequenceNumbers,
    })
  }

  createLoadBalancedQueue(options: DlbQueueOptions): QueueId {
    const given = readOptions('options', options, ['sequenceNumbers', 'lockIdCompression'])
    const { sequenceNumbers = 0, lockIdCompression = 0 } = given
    checkChoice('sequenceNumbers', sequenceNumbers, sequenceNumberCounts)
    checkChoice('lockIdCompression', lockIdCompression, compressionLevels)
    checkLeft(
      this.#balancedQueues < this.#config.loadBalancedQueues,
      'loadBalancedQueues',
      this.#config.loadBalancedQueues,
    )
    if (sequenceNumbers > 0) this.#sequenceNumbers.check(sequenceNumbers)
    const id = calling('createLoadBalancedQueue', () =>
      this.#domain.createLoadBalancedQueue(sequenceNumbers, lockIdCompression),
    )
    if (sequenceNumbers > 0) this.#sequenceNumbers.take(sequenceNumbers)
    this.#balancedQueues++
    return { kind: 'load-balanced', id }
  }

  createDirectedQueue(): QueueId {
    this.#needDirected()
    const id = calling('createDirectedQueue', () => this.#domain.createDirectedQueue(-1))
    this.#directed.set(id, false)
    return { kind: 'directed', id }
  }

  createLoadBalancedPort(options: DlbLoadBalancedPortOptions): PortId {
    const given = readOptions('options', options, ['cqDepth', 'eventStateEntries', 'classOfService', 'weight'])
    const { cqDepth, eventStateEntries = cqDepth, classOfService = anyClass, weight = false } = given
    checkDepth(cqDepth)
    checkInteger('eventStateEntries', eventStateEntries, 1, Number.MAX_SAFE_INTEGER)
    checkInteger('classOfService', classOfService, 0, anyClass)
    checkBoolean('weight', weight)
    if (weight && !this.#weights) {
      throw new NodeDlbError('ERR_DLB_UNSUPPORTED', 'this device has no event weights; leave weight out')
    }
    const inClass = this.#portsPerClass[classOfService]
    checkLeft(
      inClass > 0,
      classOfService === anyClass ? 'loadBalancedPorts' : `portsPerClass[${classOfService}]`,
      this.#balancedPorts,
    )
    const { eventStateEntries: entries } = this.#config
    checkLeft(eventStateEntries <= entries - this.#entries, 'eventStateEntries', entries)
    const port = { directed: false, cqDepth, eventStateEntries, classOfService, producer: false, queue: -1, weight }
    const id = calling('createLoadBalancedPort', () => this.#domain.createPort(port))
    this.#portsPerClass[classOfService]--
    this.#balancedPorts++
    this.#entries += eventStateEntries
    return { kind: 'load-balanced', id }
  }

  createDirectedPort(options: DlbDirectedPortOptions): PortId {
    const { cqDepth, queue, producer = false } = readOptions('options', options, ['cqDepth', 'queue', 'producer'])
    checkDepth(cqDepth)
    checkBoolean('producer', producer)
    if (queue === undefined) this.#needDirected()
    const consumed = queue === undefined ? -1 : this.#unconsumed(queue)
    const port = {
      directed: true,
      cqDepth,
      eventStateEntries: 0,
      classOfService: 0,
      producer,
      queue: consumed,
      weight: false,
    }
    const id = calling('createDirectedPort', () => this.#domain.createPort(port))
    const own = consumed === -1 ? calling('createDirectedPort', () => this.#domain.createDirectedQueue(id)) : consumed
    this.#directed.set(own, true)
    return { kind: 'directed', id }
  }

  #needDirected(): void {
    checkLeft(this.#directed.size < this.#config.directedPorts, 'directedPorts', this.#config.directedPorts)
  }

  #unconsumed(queue: QueueId): number {
    const wanted = readQueueId(queue)
    const { kind, id } = wanted
    const isConsumed = kind === 'directed' ? this.#directed.get(id) : undefined
    if (isConsumed === undefined) throw unknownQueue(wanted)
    if (isConsumed) throw consumedQueue(id)
    return id
  }
}
