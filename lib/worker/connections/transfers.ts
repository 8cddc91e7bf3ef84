import net, { type Server, type Socket } from 'node:net'
import { NodeDlbError } from '../../errors.ts'
import type { Listening } from '../listen/listening.ts'
import { findSymbol } from '../node-handles.ts'
import { LEFT } from './adoption.ts'

type Transfer = (this: object) => unknown
type Prototype = Record<symbol, Transfer>

/**
 * Follows sockets and servers that are transferred to another thread (`port.postMessage(socket,
 * [socket])`). Node 24.20, 26.6 and later can do that, in native code that closes the handle
 * without calling its `close`. A connection that is transferred is closed for this worker. A server
 * of the balancer is not transferred: the other thread would poll the socket that all workers
 * share, and the process would end with that thread.
 */
export function followTransfers(listening: Listening): void {
  wrap(net.Socket.prototype, 'messaging_transfer_symbol', (original) => {
    return function (this: object) {
      const { _handle: handle } = this as Socket & { _handle: { [LEFT]?: () => void } | null }
      const data = original.call(this)
      handle?.[LEFT]?.()
      return data
    }
  })
  wrap(net.Server.prototype, 'messaging_transfer_list_symbol', (original) => {
    return function (this: object) {
      if (listening.servers().includes(this as Server)) throw cannotTransfer()
      return original.call(this)
    }
  })
}

function wrap(prototype: object, name: string, wrapped: (original: Transfer) => Transfer): void {
  const symbol = findSymbol(prototype, name)
  if (!symbol) return
  const original = (prototype as Prototype)[symbol]
  Object.defineProperty(prototype, symbol, { value: wrapped(original) })
}

function cannotTransfer(): NodeDlbError {
  return new NodeDlbError(
    'ERR_DLB_INVALID_ARGUMENT',
    "a server of a balancer's worker cannot be moved to another thread: move its connections, or listen there",
  )
}
