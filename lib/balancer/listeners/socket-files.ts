import type { NodeDlbError } from '../../errors.ts'
import { isOwnAccepting } from '../dispatch/policies/names.ts'
import type { ListenerHost } from './host.ts'
import type { TableEntry } from './listener.ts'
import { type EntryPlanner, isTaken, type ListenerOpener } from './opener.ts'
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
  readonly #planner: Pick<EntryPlanner, 'socketChanged'>
  readonly #host: ListenerHost
  /** Sockets whose files the app has renamed, and is about to replace. */
  readonly #renamed = new Map<ListenerSocket, NodeJS.Timeout>()
  #stopped = false

  constructor(opener: ListenerOpener, planner: Pick<EntryPlanner, 'socketChanged'>, host: ListenerHost) {
    this.#opener = opener
    this.#planner = planner
    this.#host = host
  }

  /**
   * Makes sure that the file exists for a worker that listens on the entry. @throws ERR_DLB_LISTEN
   */
  putInPlace(entry: TableEntry): void {
    const { listener } = entry
    if (listener.isInPlace) return
    const successor = this.#opener.openSocket(entry.id, entry.asked, entry.settings)
    listener.copyPermissionsTo(successor)
    entry.listener = successor
    this.#planner.socketChanged(entry)
    if (isOwnAccepting(entry.policy.name)) listener.leaveToOthers()
    else if (listener.hasFile) this.#finishLater(entry, listener)
    else listener.finish()
  }

  /**
   * Puts back the file that a worker may have removed as it left, if other workers still serve the
   * socket and no other process has taken the name. A file that was renamed stays where the app has
   * moved it.
   */
  keepInPlace(entry: TableEntry): void {
    if (this.#stopped || entry.closed || entry.members.size === 0 || entry.listener.hasFile) return
    try {
      this.putInPlace(entry)
    } catch (error) {
      if (!isTaken(error)) this.#host.failed(error as NodeDlbError)
    }
  }

  /**
   * Checks the file several times after a worker has closed its server, because the worker may
   * remove it.
   */
  keepInPlaceAfterLeaving(entry: TableEntry): void {
    if (entry.asked.port !== -1) return
    for (const ms of CHECKS_AFTER_LEAVING_MS) setTimeout(() => this.keepInPlace(entry), ms).unref()
  }

  /** @param finish whether connections that wait in the backlogs are accepted first */
  stop(finish: boolean): void {
    this.#stopped = true
    for (const [listener, timer] of this.#renamed) {
      clearInterval(timer)
      if (finish) listener.finish()
      else listener.close()
    }
    this.#renamed.clear()
  }

  /**
   * The app has renamed the old socket's file, and is about to rename the new one's to the old
   * name. Until then clients come to the old socket, and wait there.
   */
  #finishLater(entry: TableEntry, listener: ListenerSocket): void {
    let checks = 0
    listener.pause()
    const timer = setInterval(() => {
      if (listener.hasFile && ++checks < MAX_RENAME_CHECKS) return
      clearInterval(timer)
      this.#renamed.delete(listener)
      if (entry.closed) listener.close()
      else listener.finish()
    }, RENAME_CHECK_MS)
    this.#renamed.set(listener, timer)
  }
}
