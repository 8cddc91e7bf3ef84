import { NodeDlbError } from '../../errors.ts'
import { isSamePath } from './addresses.ts'
import type { Listener } from './listener.ts'

const MAX_LISTENER_ID = 0xffff

/** The open listeners, by their ids. Main thread. */
export class ListenerRegistry {
  readonly #entries = new Map<number, Listener>()
  #lastId = -1

  get(id: number): Listener | undefined {
    return this.#entries.get(id)
  }

  all(): Listener[] {
    return [...this.#entries.values()]
  }

  add(listener: Listener): void {
    this.#entries.set(listener.id, listener)
  }

  /** @returns whether the listener was in the registry */
  remove(listener: Listener): boolean {
    return this.#entries.delete(listener.id)
  }

  /**
   * Returns an id that no open listener has. Events under way may still name a listener that was
   * closed a moment ago, so all other ids are used before one is used again.
   * @throws ERR_DLB_NO_RESOURCES
   */
  nextId(): number {
    if (this.#entries.size > MAX_LISTENER_ID) {
      throw new NodeDlbError('ERR_DLB_NO_RESOURCES', `an app can listen on ${MAX_LISTENER_ID + 1} addresses at a time`)
    }
    do this.#lastId = (this.#lastId + 1) & MAX_LISTENER_ID
    while (this.#entries.has(this.#lastId))
    return this.#lastId
  }

  /** Whether the worker has a server. */
  serves(worker: number): boolean {
    return this.all().some(({ members }) => members.has(worker))
  }

  /**
   * The listener whose socket accepted a descriptor of unknown origin; undefined if the descriptor
   * is not an open connection of any listener.
   */
  listenerOf(fd: number): number | undefined {
    return this.all().find(({ socket }) => socket.isConnection(fd))?.id
  }

  /** Whether workers other than this one listen on the path. */
  isOthersPath(worker: number, path: string): boolean {
    return this.all().some(
      ({ address, members }) => typeof address === 'string' && isSamePath(address, path) && !members.has(worker),
    )
  }
}
