import type { NodeDlbError } from '../../errors.ts'
import { isOwnAccepting } from '../dispatch/policies/names.ts'
import { isTaken, type ListenerOpener } from './opener.ts'
import type { TableEntry } from './table-entry.ts'
import type { ListenerSocket } from './unbound-listener.ts'

/** An app that removes a Unix socket's file when it closes its server does so about then. */
const CHECKS_AFTER_LEAVING_MS = [20, 200, 2000]
/** An app may rename a Unix socket's file once it listens: for one second, main checks for that. */
const RENAME_CHECK_MS = 10
const MAX_RENAME_CHECKS = 100

export interface SocketFilesOptions {
  readonly opener: ListenerOpener
  /** The entry has another socket than before. */
  readonly onSocketChanged: (entry: TableEntry) => void
  readonly onError: (error: NodeDlbError) => void
}

/**
 * Keeps the files of Unix sockets in place. Apps treat such a file as if one process had it: they
 * remove what a crash left behind before they listen, some remove it when they end, and some rename
 * it. Here all workers share the socket, so a file that is gone is made anew, with a new socket.
 * Clients that wait in the old socket's backlog are accepted; no others can come to that socket.
 *
 * Main thread.
 */
export class SocketFiles {
  readonly #options: SocketFilesOptions
  /** Sockets whose files the app has renamed, and is about to replace. */
  readonly #renamed = new Map<ListenerSocket, NodeJS.Timeout>()
  #stopped = false

  constructor(options: SocketFilesOptions) {
    this.#options = options
  }

  /** A worker listens on the entry: its file has to be there. @throws ERR_DLB_LISTEN */
  putInPlace(entry: TableEntry): void {
    const { opener, onSocketChanged } = this.#options
    const { listener } = entry
    if (listener.isInPlace) return
    const successor = opener.openSocket(entry.id, entry.asked, entry.settings)
    listener.copyPermissionsTo(successor)
    entry.listener = successor
    onSocketChanged(entry)
    if (isOwnAccepting(entry.policy.name)) listener.leaveToOthers()
    else if (listener.hasFile) this.#finishLater(entry, listener)
    else listener.finish()
  }

  /**
   * A worker that has left may have removed the file, while others serve on: it is put back, unless
   * another process has the name by now. A file that was renamed stays where the app wants it.
   */
  keepInPlace(entry: TableEntry): void {
    if (this.#stopped || entry.closed || entry.members.size === 0 || entry.listener.hasFile) return
    try {
      this.putInPlace(entry)
    } catch (error) {
      if (!isTaken(error)) this.#options.onError(error as NodeDlbError)
    }
  }

  /** A worker has closed its server, and may remove the file soon. */
  keepInPlaceAfterLeaving(entry: TableEntry): void {
    if (entry.asked.port !== -1) return
    for (const ms of CHECKS_AFTER_LEAVING_MS) setTimeout(() => this.keepInPlace(entry), ms).unref()
  }

  /** `finish`: connections that wait in the backlogs are accepted first. */
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
