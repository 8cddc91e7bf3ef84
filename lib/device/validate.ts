import { NodeDlbError } from '../errors.ts'
import { checkInteger, readFields, show } from './check.ts'
import type { DomainConfig, PortId, QueueId, QueueKind, Resources } from './device.ts'
import { SchedulingType, type SchedulingTypeValue } from './event-buffer.ts'

// The checks of configuration and calls that the software device and the DLB device share, and the
// errors that both throw. Errors are made apart from the conditions on the path of an event, which
// stay short enough for V8 to inline.

const maxId = 0xff
const any = Number.MAX_SAFE_INTEGER

// Creating a domain.

type PartCounts = Required<Pick<DomainConfig, 'loadBalancedQueues' | 'loadBalancedPorts' | 'directedPorts'>>

/** @throws ERR_DLB_INVALID_ARGUMENT unless each count is a whole number from 0. */
export function checkPartCounts({ loadBalancedQueues, loadBalancedPorts, directedPorts }: PartCounts): void {
  checkInteger('loadBalancedQueues', loadBalancedQueues, 0, any)
  checkInteger('loadBalancedPorts', loadBalancedPorts, 0, any)
  checkInteger('directedPorts', directedPorts, 0, any)
}

/**
 * Checks that load-balanced queues have a port to be linked to, because the driver of the hardware
 * refuses others.
 * @throws ERR_DLB_INVALID_ARGUMENT
 */
export function checkPortsForQueues(loadBalancedQueues: number, loadBalancedPorts: number): void {
  if (loadBalancedQueues === 0 || loadBalancedPorts > 0) return
  throw new NodeDlbError(
    'ERR_DLB_INVALID_ARGUMENT',
    `a domain with loadBalancedQueues (${loadBalancedQueues}) needs loadBalancedPorts, at least 1: ` +
      'ask for a port, or for no such queue',
  )
}

/**
 * Checks that there is an event-state entry for each load-balanced port, and at least one credit.
 * @throws ERR_DLB_INVALID_ARGUMENT
 */
export function checkBounds(eventStateEntries: number, credits: number, loadBalancedPorts: number): void {
  checkInteger('eventStateEntries', eventStateEntries, loadBalancedPorts, any)
  checkInteger('credits', credits, 1, any)
}

/** @throws ERR_DLB_NO_RESOURCES if a domain asks for more than the device has free. */
export function checkFree(free: Resources, wanted: Partial<Resources>): void {
  for (const name of Object.keys(wanted) as (keyof Resources)[]) {
    const count = wanted[name] ?? 0
    if (count <= free[name]) continue
    throw new NodeDlbError(
      'ERR_DLB_NO_RESOURCES',
      `the device has ${free[name]} ${name} left, and the domain asks for ${count}`,
    )
  }
}

export function deviceClosed(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_CLOSED', 'the device is closed; open it again')
}

export function deviceInUse(openDomains: number): NodeDlbError {
  return new NodeDlbError('ERR_DLB_IN_USE', `${openDomains} domains of the device are open; close them first`)
}

// Configuring a domain.

/** @throws ERR_DLB_INVALID_ARGUMENT unless `cqDepth` is a power of two from 8 to 1,024. */
export function checkDepth(cqDepth: number): void {
  checkInteger('cqDepth', cqDepth, 8, 1024)
  if ((cqDepth & (cqDepth - 1)) === 0) return
  throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', `cqDepth must be a power of two, not ${cqDepth}`)
}

/** @throws ERR_DLB_NO_RESOURCES unless the domain has `enough` left of its `total` of `name`. */
export function checkLeft(enough: boolean, name: string, total: number): void {
  if (enough) return
  throw new NodeDlbError('ERR_DLB_NO_RESOURCES', `the domain's ${name} (${total}) are used up; create it with more`)
}

export function consumedQueue(id: number): NodeDlbError {
  return new NodeDlbError('ERR_DLB_IN_USE', `directed queue ${id} has its port already; create another queue`)
}

export function notCreator(does: string): NodeDlbError {
  return new NodeDlbError('ERR_DLB_IN_USE', `only the thread that created the domain ${does}`)
}

export function alreadyStarted(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_ALREADY_STARTED', 'create all queues and ports before start(), and start once')
}

// Using a domain.

export function wrongToken(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'the token is not what share() returned, or a copy of it')
}

export function domainClosed(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_CLOSED', 'the domain was closed; create and share a new one')
}

/**
 * Copies what names a queue, so that it cannot change any more. The queue need not exist.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_UNKNOWN_QUEUE
 */
export function readQueueId(queue: QueueId): QueueId {
  const { kind, id } = readFields('queue', queue, ['kind', 'id'])
  if (isKind(kind) && isId(id)) return { kind, id }
  throw unknownQueue({ kind, id })
}

export function unknownQueue({ kind, id }: QueueId): NodeDlbError {
  return new NodeDlbError('ERR_DLB_UNKNOWN_QUEUE', `this domain has no queue of kind ${show(kind)} with id ${show(id)}`)
}

/**
 * Copies what names a port, so that it cannot change any more. The port need not exist.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_UNKNOWN_PORT
 */
export function readPortId(port: PortId): PortId {
  const { kind, id } = readFields('port', port, ['kind', 'id'])
  if (isKind(kind) && isId(id)) return { kind, id }
  throw unknownPort({ kind, id })
}

export function unknownPort({ kind, id }: PortId): NodeDlbError {
  return new NodeDlbError('ERR_DLB_UNKNOWN_PORT', `this domain has no port of kind ${show(kind)} with id ${show(id)}`)
}

/** @param owner names the thread that has the port, for the message. */
export function portAttached({ kind, id }: PortId, owner = 'a thread'): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_PORT_ATTACHED',
    `${owner} has ${kind} port ${id}; a port is one thread's until it detaches or the thread ends`,
  )
}

/** The error of a port whose last thread ended and had not released all that it received. */
export function portOwes({ kind, id }: PortId): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_IN_USE',
    `a thread that has ended received events from ${kind} port ${id} and did not release them; ` +
      'take them with recover() first',
  )
}

// Using a port.

export function portDetached(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_PORT_DETACHED', 'this object has given the port up; attach it again to use it')
}

export function notStarted(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_NOT_STARTED', 'call start() on the domain before events are sent')
}

/**
 * The id of the queue that a port is to be linked to, or unlinked from. The queue need not exist.
 * @throws ERR_DLB_INVALID_ARGUMENT, ERR_DLB_WRONG_SCHEDULING, ERR_DLB_UNKNOWN_QUEUE
 */
export function readLinkedQueue(queue: QueueId, port: PortId): number {
  const { kind, id } = readFields('queue', queue, ['kind', 'id'])
  if (port.kind === 'directed' || kind !== 'load-balanced') {
    throw new NodeDlbError(
      'ERR_DLB_WRONG_SCHEDULING',
      'links join load-balanced ports and load-balanced queues; ' +
        'a directed queue has the port that it was created with',
    )
  }
  if (!isId(id)) throw unknownQueue({ kind, id })
  return id
}

export const maxLinks = 8

export function tooManyLinks(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_NO_RESOURCES', `a port has at most ${maxLinks} links; unlink a queue first`)
}

/** @param verb what was called: `release` or `forward`. */
export function releaseExceeded({ kind }: PortId, verb: string, count: number, unreleased: number): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_RELEASE_EXCEEDED',
    kind === 'directed'
      ? 'events received from a directed queue are complete; release nothing on a directed port'
      : `cannot ${verb} ${count} events: ${unreleased} are received and not released`,
  )
}

/** The error for event `i` of the buffer, which names a queue that does not exist. */
export function unknownTarget(i: number, type: SchedulingTypeValue, queue: number): NodeDlbError {
  const kind: QueueKind = type === SchedulingType.directed ? 'directed' : 'load-balanced'
  return new NodeDlbError(
    'ERR_DLB_UNKNOWN_QUEUE',
    `event ${i} names ${kind} queue ${queue}, which this domain does not have`,
  )
}

/** The error for event `i` of the buffer, whose type its queue does not take. */
export function wrongScheduling(i: number, type: SchedulingTypeValue, queue: number): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_WRONG_SCHEDULING',
    type === SchedulingType.ordered
      ? `event ${i} is ordered; create queue ${queue} with sequenceNumbers to send ordered events to it`
      : `event ${i} is unordered, but queue ${queue} has sequence numbers: send ordered or atomic events to it`,
  )
}

function isKind(kind: unknown): kind is QueueKind {
  return kind === 'directed' || kind === 'load-balanced'
}

function isId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) <= maxId
}
