import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { NodeDlbError } from '../errors.ts'
import type { Call, Notice, Reply, ToMain, ToWorker, WorkerBoot } from '../protocol.ts'

const CALL_TIMEOUT_MS = 30_000

/**
 * The worker's connection to the main thread. `call` blocks this thread until main has answered,
 * because `listen()` must know the bound address, or the error, before it returns. Invariant: main
 * never waits for a worker, so that the two cannot deadlock.
 */
export class Control {
  readonly #port: MessagePort
  readonly #replies: MessagePort
  readonly #answered: Int32Array
  #calls = 0

  constructor(boot: Pick<WorkerBoot, 'control' | 'replies' | 'answered'>) {
    this.#port = boot.control
    this.#replies = boot.replies
    this.#answered = new Int32Array(boot.answered)
  }

  /**
   * Sets the callback for messages from main. They do not keep the worker's loop alive, unless
   * `hold` says so.
   */
  onMessage(callback: (message: ToWorker) => void): void {
    this.#port.on('message', callback)
    this.#port.unref()
  }

  /** Sets whether the connection keeps the worker's loop alive. */
  hold(held: boolean): void {
    if (held) this.#port.ref()
    else this.#port.unref()
  }

  post(notice: Notice): void {
    this.#port.postMessage(notice)
  }

  /** @throws ERR_DLB_TIMEOUT when the main thread is blocked. */
  call(call: Call): Reply {
    const id = ++this.#calls
    const message: ToMain = { type: 'call', id, call }
    this.#port.postMessage(message)
    if (!this.#waitFor(id)) {
      throw new NodeDlbError(
        'ERR_DLB_TIMEOUT',
        `the main thread did not answer '${call.type}' within ${CALL_TIMEOUT_MS / 1000} s: ` +
          'something blocks its event loop',
      )
    }
    return receiveMessageOnPort(this.#replies)?.message as Reply
  }

  /** Main posts the reply before it stores the id, so the reply is there once the id is. */
  #waitFor(id: number): boolean {
    for (;;) {
      const answered = Atomics.load(this.#answered, 0)
      if (answered === id) return true
      // The word also changes when main answers an earlier call whose wait has timed out.
      if (Atomics.wait(this.#answered, 0, answered, CALL_TIMEOUT_MS) === 'timed-out') return false
    }
  }
}
