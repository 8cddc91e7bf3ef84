import { Writable } from 'node:stream'
import { loadAddon } from './native.ts'
import { systemError } from './system-error.ts'

type Done = (error?: Error | null) => void

/** While there is no room, it looks again after so many ms, in the end every 16. */
const LOOK_MS = [1, 2, 4, 8, 16]

/**
 * stdout or stderr, unless it is a terminal, as a stream on the descriptor itself. Node's own would
 * make a pipe non-blocking for all threads of the process, and for whoever else writes to it: then
 * synchronous writes, such as `fs.writeSync(1, …)`, fail with EAGAIN.
 *
 * What there is room for is written before `write` returns, so that it is neither lost nor out of
 * order whatever the thread does next. The rest waits for room, without blocking the thread, and
 * the stream says so as any does: by `write`'s result and 'drain'. Nothing tells when there is room
 * but `poll`, which libuv would do only if the descriptor were non-blocking; hence the looks.
 *
 * Any thread, each with streams of its own. Chunks of up to 4,096 bytes are never mixed with
 * others'.
 */
export class Output extends Writable {
  readonly fd: number
  /** The streams that Node makes for them say so, too. */
  readonly _type = 'pipe'
  readonly _isStdio = true
  readonly #holds: boolean
  #waiting: { readonly rest: Uint8Array; readonly done: Done } | null = null
  #heir: ((data: Uint8Array) => void) | null = null

  /** `holds`: what waits for room keeps the thread's loop alive. */
  constructor(fd: number, holds: boolean) {
    super()
    this.fd = fd
    this.#holds = holds
  }

  /**
   * For the end of the thread: what waits goes there, and so does what finds no room from now on.
   */
  leaveTo(heir: (data: Uint8Array) => void): void {
    this.#heir = heir
    this.#look(0)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    this.#put(chunk, done, 0)
  }

  /**
   * An error is told, and the stream goes on; nothing closes the descriptor. Node's own stream does
   * the same.
   */
  override _destroy(error: Error | null, done: Done): void {
    done(error)
    ;(this as unknown as { _undestroy(): void })._undestroy()
  }

  #put(chunk: Uint8Array, done: Done, looks: number): void {
    const count = loadAddon().writeWithoutWaiting(this.fd, chunk)
    if (count < 0) done(systemError('write', -count))
    else if (count === chunk.length) done()
    else this.#wait(chunk.subarray(count), done, count > 0 ? 0 : looks)
  }

  #wait(rest: Uint8Array, done: Done, looks: number): void {
    if (this.#heir) {
      this.#heir(rest)
      done()
      return
    }
    this.#waiting = { rest, done }
    const timer = setTimeout(() => this.#look(looks + 1), LOOK_MS[Math.min(looks, LOOK_MS.length - 1)])
    if (!this.#holds) timer.unref()
  }

  #look(looks: number): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) this.#put(waiting.rest, waiting.done, looks)
  }
}
