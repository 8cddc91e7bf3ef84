import { AsyncResource } from 'node:async_hooks'
import type { ListenHandle } from './listen-handle.ts'
import type { StreamHandle } from './node-handles.ts'

/** A client and the server that takes it. */
export interface Delivery {
  readonly client: StreamHandle
  readonly server: ListenHandle
}

/** What is received and not delivered now: it will be, or closed, once more of it has arrived. */
export const LATER = 'later'

/** A root context: async-local state of one connection's handler does not leak into the next one's. */
const context = new AsyncResource('DLBINBOX')

/**
 * Gives the client to the server. The user's 'connection' handler runs inside; if it throws, the error reaches
 * 'uncaughtException' as it does without a balancer.
 * @returns false if it threw
 */
export function deliver({ client, server }: Delivery): boolean {
  try {
    context.runInAsyncScope(server.onconnection, server, 0, client)
    return true
  } catch (error) {
    process.nextTick(rethrow, error)
    return false
  }
}

function rethrow(error: unknown): never {
  throw error
}
