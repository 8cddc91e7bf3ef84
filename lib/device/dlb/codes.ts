import { NodeDlbError } from '../../errors.ts'
import { systemError } from '../../system-error.ts'
import type { PortId } from '../device.ts'
import { failure } from './failure.ts'

/**
 * What the addon's port calls return below 0: PortCode in native/dlb/port.h. An errno e is `errno`
 * - e.
 */
export const code = {
  closed: -1,
  detached: -2,
  notStarted: -3,
  unknownQueue: -4,
  wrongScheduling: -5,
  releaseExceeded: -6,
  badRange: -7,
  attached: -8,
  owes: -9,
  tooManyLinks: -10,
  unsupported: -11,
  errno: -1000,
} as const

const eacces = 13

/**
 * The error for a code that needs no more than the port to be explained. `call`: libdlb's function.
 */
export function portError(result: number, id: PortId, call: string): NodeDlbError {
  const port = `${id.kind} port ${id.id}`
  switch (result) {
    case code.closed:
      return closedError()
    case code.detached:
      return new NodeDlbError('ERR_DLB_PORT_DETACHED', 'this object has given the port up; attach it again to use it')
    case code.notStarted:
      return new NodeDlbError('ERR_DLB_NOT_STARTED', 'call start() on the domain before events are sent')
    case code.badRange:
      return new NodeDlbError(
        'ERR_DLB_INVALID_ARGUMENT',
        "the events are not within the buffer, or its memory is another's now",
      )
    case code.attached:
      return new NodeDlbError(
        'ERR_DLB_PORT_ATTACHED',
        `a thread has ${port}; a port is one thread's until it detaches or the thread ends`,
      )
    case code.owes:
      return new NodeDlbError(
        'ERR_DLB_IN_USE',
        `a thread that has ended received events from ${port} and did not release them; take them with recover() first`,
      )
    case code.tooManyLinks:
      return new NodeDlbError('ERR_DLB_NO_RESOURCES', 'a port has at most 8 links; unlink a queue first')
    case code.unsupported:
      return new NodeDlbError('ERR_DLB_UNSUPPORTED', `this libdlb has no ${call}; use 8.8 or newer`)
    case code.errno - eacces:
      return stoppedError(port, call)
    default:
      return failure(port, systemError(call, code.errno - result))
  }
}

/** libdlb says EACCES of a port that it has disabled: we did, or a reset of the device. */
function stoppedError(port: string, call: string): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_PORT_STOPPED',
    `${port} is stopped: call resume() if stop() was called; otherwise the device was reset: close the domain and the device, and open them anew`,
    { cause: systemError(call, eacces) },
  )
}

export function closedError(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_CLOSED', 'the domain was closed; create and share a new one')
}
