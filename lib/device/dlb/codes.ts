import { NodeDlbError } from '../../errors.ts'
import { systemError } from '../../system-error.ts'
import type { PortId } from '../device.ts'
import { domainClosed, notStarted, portAttached, portDetached, portOwes, tooManyLinks } from '../validate.ts'
import { failure } from './failure.ts'

/**
 * The negative results of the addon's port calls: PortCode in native/dlb/port.h. The code of an
 * errno e is `errno` - e.
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
 * The error for a code that needs no more than the port to explain it. `call` is libdlb's function.
 */
export function portError(result: number, id: PortId, call: string): NodeDlbError {
  const port = `${id.kind} port ${id.id}`
  switch (result) {
    case code.closed:
      return domainClosed()
    case code.detached:
      return portDetached()
    case code.notStarted:
      return notStarted()
    case code.badRange:
      return new NodeDlbError(
        'ERR_DLB_INVALID_ARGUMENT',
        'the events are not within the buffer, or its memory was transferred away',
      )
    case code.attached:
      return portAttached(id)
    case code.owes:
      return portOwes(id)
    case code.tooManyLinks:
      return tooManyLinks()
    case code.unsupported:
      return new NodeDlbError('ERR_DLB_UNSUPPORTED', `this libdlb has no ${call}; use 8.8 or newer`)
    case code.errno - eacces:
      return stoppedError(port, call)
    default:
      return failure(port, systemError(call, code.errno - result))
  }
}

/**
 * The error of a port for which libdlb returns EACCES, because stop() or a reset of the device has
 * disabled it.
 */
function stoppedError(port: string, call: string): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_PORT_STOPPED',
    `${port} is stopped: call resume() if stop() was called; otherwise the device was reset: ` +
      'close the domain and the device, and open them again',
    { cause: systemError(call, eacces) },
  )
}
