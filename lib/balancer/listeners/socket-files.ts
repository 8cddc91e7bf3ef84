import type { NodeDlbError } from '../../errors.ts'
import { isOwnAccepting } from '../dispatch/policies/names.ts'
import type { ListenerHost } from './host.ts'
import type { Listener } from './listener.ts'
import { isTaken, type ListenerOpener, type ListenerPlanner } from './opener.ts'
import type { ListenerSocket } from './unbound-socket.ts'

/**
 * Milliseconds after a worker has left a Unix socket at which main checks the socket's file: apps
 * that remove the file when they close their server do so about then.
 */
const CHECKS_AFTER_LEAVING_MS = [20, 200, 2000]
/**
 * Milliseconds between checks, for one second, of whether an app has renamed a Unix socket's file
 * after `listen`.
 */
const RENAME_CHECK_MS = 10
const MAX_RENAME_CHECKS = 100

/**
 * Keeps the files of Unix sockets in place. An app treats such a file as if one process had it: it
 * may remove a file that a crash has left before it listens, remove the file when it ends, or
 * rename it. Here all workers share the socket, so a file that is gone is made again, with a new
 * socket. Clients that wait in the old socket's backlog are accepted; no others can reach that
 * socket.
 *
 * Main thread.
 */
export class SocketFiles {
  readonly #opener: ListenerOpener
  readonly #planner: Pick<ListenerPlanner, 'socketChanged'>
  readonly #host: ListenerHost
  /** Sockets whose files the app has renamed, and is about to replace. */
  readonly #renamed = new Map<ListenerSocket, NodeJS.Timeout>()
  #stopped = false

  constructor(opener: ListenerOpener, planner: Pick<ListenerPlanner, 'socketChanged'>, host: ListenerHost) {
    this.#opener = opener
    this.#planner = planner
    this.#host = host
  }

  /** Makes sure that the file exists for a worker that begins to listen. @throws ERR_DLB_LISTEN */
  putInPlace(listener: Listener): void {
    const { socket } = listener
    if (socket.isInPlace) return
    const successor = this.#opener.openSocket(listener.id, listener.asked, listener.settings)
    socket.copyPermissionsTo(successor)
    listener.socket = successor
    this.#planner.socketChanged(listener)
    if (isOwnAccepting(listener.policy.name)) socket.leaveToOthers()
    else if (socket.hasFile) this.#finishLater(listener, socket)
    else socket.acceptRestAndClose()
  }

  /**
   * Puts back the file that a worker may have removed as it left, if other workers still serve the
   * socket and no other process has taken the name. A file that was renamed stays where the app has
   * moved it.
   */
  keepInPlace(listener: Listener): void {
    if (this.#stopped || listener.closed || listener.members.size === 0 || listener.socket.hasFile) return
    try {
      this.putInPlace(listener)
    } catch (error) {
      if (!isTaken(error)) this.#host.failed(error as NodeDlbError)
    }
  }

  /**
   * Checks the file several times after a worker has closed its server, because the worker may
   * remove it.
   */
  keepInPlaceAfterLeaving(listener: Listener): void {
    if (listener.asked.port !== -1) return
    for (const ms of CHECKS_AFTER_LEAVING_MS) setTimeout(() => this.keepInPlace(listener), ms).unref()
  }

  /** @param finish whether connections that wait in the backlogs are accepted first */
  stop(finish: boolean): void {
    this.#stopped = true
    for (const [socket, timer] of this.#renamed) {
      clearInterval(timer)
      if (finish) socket.acceptRestAndClose()
      else socket.close()
    }
    this.#renamed.clear()
  }

  /**
   * The app has renamed the old socket's file, and is about to rename the new one's to the old
   * name. Until then clients come to the old socket, and wait there.
   */
  #finishLater(listener: Listener, socket: ListenerSocket): void {
    let checks = 0
    socket.pause()
    const timer = setInterval(() => {
      if (socket.hasFile && ++checks < MAX_RENAME_CHECKS) return
      clearInterval(timer)
      this.#renamed.delete(socket)
      if (listener.closed) socket.close()
      else socket.acceptRestAndClose()
    }, RENAME_CHECK_MS)
    this.#renamed.set(socket, timer)
  }
}
