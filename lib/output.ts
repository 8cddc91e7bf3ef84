import { Writable } from 'node:stream'
import { loadAddon } from './native.ts'
import { systemError } from './system-error.ts'

type Done = (error?: Error | null) => void

/** Milliseconds to wait before each further attempt to write; the last value repeats. */
const RETRY_MS = [1, 2, 4, 8, 16]

/**
 * A stream on the descriptor of stdout or stderr, for a descriptor that is not a terminal. Node's
 * own stream would make a pipe non-blocking for all threads of the process, and for every other
 * process that writes to it. Then synchronous writes, such as `fs.writeSync(1, …)`, fail with
 * EAGAIN.
 *
 * `write` writes what the descriptor takes at once before it returns, so that this data is neither
 * lost nor out of order whatever the thread does next. The rest waits until the descriptor takes
 * more, without blocking the thread. As with any stream, `write` returns false meanwhile, and
 * 'drain' follows. Only `poll` tells when the descriptor takes more, and libuv would call `poll`
 * only if the descriptor were non-blocking; therefore a timer repeats the attempt.
 *
 * Any thread can have streams of its own. Chunks of up to 4,096 bytes are never mixed with those of
 * other threads.
 */
export class Output extends Writable {
  readonly fd: number
  /** Node's own streams for these descriptors have the same two fields. */
  readonly _type = 'pipe'
  readonly _isStdio = true
  readonly #holds: boolean
  #waiting: { readonly rest: Uint8Array; readonly done: Done } | null = null
  #heir: ((data: Uint8Array) => void) | null = null

  /** @param holds whether data that waits to be written keeps the thread's loop alive */
  constructor(fd: number, holds: boolean) {
    super()
    this.fd = fd
    this.#holds = holds
  }

  /**
   * Called when the thread ends: data that waits, and data that the descriptor does not take from
   * now on, goes to `heir`.
   */
  leaveTo(heir: (data: Uint8Array) => void): void {
    this.#heir = heir
    this.#retry(0)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    this.#put(chunk, done, 0)
  }

  /**
   * Reports an error, and leaves the stream usable. Nothing closes the descriptor. Node's own
   * stream does the same.
   */
  override _destroy(error: Error | null, done: Done): void {
    done(error)
    ;(this as unknown as { _undestroy(): void })._undestroy()
  }

  #put(chunk: Uint8Array, done: Done, attempts: number): void {
    const count = loadAddon().writeWithoutWaiting(this.fd, chunk)
    if (count < 0) done(systemError('write', -count))
    else if (count === chunk.length) done()
    else this.#wait(chunk.subarray(count), done, count > 0 ? 0 : attempts)
  }

  #wait(rest: Uint8Array, done: Done, attempts: number): void {
    if (this.#heir) {
      this.#heir(rest)
      done()
      return
    }
    this.#waiting = { rest, done }
    const timer = setTimeout(() => this.#retry(attempts + 1), RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)])
    if (!this.#holds) timer.unref()
  }

  #retry(attempts: number): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting) this.#put(waiting.rest, waiting.done, attempts)
  }
}
