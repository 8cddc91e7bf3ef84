import { setTimeout as delay } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort, SHARE_ENV, Worker } from 'node:worker_threads'
import type { NodeDlbError } from '../../errors.ts'
import { addonFile } from '../../native.ts'
import { print } from '../../print.ts'
import type { Call, Notice, Reply, ToMain, ToWorker, WorkerBoot, WorkerLink } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { isEndedByNode, isInitFailure, threadFailure } from './thread-failure.ts'
import { startFile, workerCode } from './worker-code.ts'

/** Handles the calls and notices of workers. */
export interface WorkerMessages {
  /** Answers synchronously, because the worker's thread waits for the reply. */
  answer(thread: WorkerThread, call: Call): Reply
  take(thread: WorkerThread, notice: Notice): void
}

export interface WorkerExits {
  /**
   * Called once the thread is joined: Node has closed all that it had open. The thread's last
   * messages were delivered before.
   */
  onExit(thread: WorkerThread, exit: WorkerExit): void
}

export interface WorkerExit {
  readonly code: number
  /** The uncaught error that ended it, as text; null if none did. */
  readonly error: string | null
  /**
   * The reason for which Node could not set the thread up (ERR_DLB_THREAD_FAILED). null: the entry
   * was run.
   */
  readonly failure: NodeDlbError | null
  /** Whether the thread has ended by itself, and not by `terminate`. */
  readonly byItself: boolean
}

export interface WorkerThreadParts {
  readonly index: number
  readonly link: WorkerLink
  /** The ledger's memory. */
  readonly ledger: SharedArrayBuffer
  readonly options: ResolvedOptions
  readonly messages: WorkerMessages
  readonly exits: WorkerExits
}

/**
 * Milliseconds after which a thread that was told to exit counts as stuck, in its own code or in
 * its user's --import.
 */
const EXIT_TIMEOUT_MS = 2000

/** One life of one worker: a thread that runs the user's entry, and main's connection to it. */
export class WorkerThread {
  readonly index: number
  readonly threadId: number
  readonly worker: Worker
  readonly #messages: WorkerMessages
  readonly #exits: WorkerExits
  readonly #control: MessagePort
  readonly #replies: MessagePort
  readonly #answered = new Int32Array(new SharedArrayBuffer(4))
  readonly #ended: Promise<void>
  #onEnded: () => void = () => undefined
  /** The last error that its bootstrap has reported. The app may have handled it. */
  #reported: string | null = null
  /** The value that Node reports as the error that ended the thread. */
  #error: { readonly value: unknown } | null = null
  #terminated = false

  /** @throws the error of Node if the thread cannot be started; then nothing is left open */
  constructor({ index, link, ledger, options, messages, exits }: WorkerThreadParts) {
    const [control, replies] = [new MessageChannel(), new MessageChannel()]
    const boot: WorkerBoot = {
      code: workerCode(),
      index,
      link,
      ledger,
      addon: addonFile(),
      entry: options.entry,
      entryUrl: options.entryUrl,
      argv: options.argv,
      userData: options.workerData,
      environment: options.env ? null : options.environment,
      control: control.port2,
      replies: replies.port2,
      answered: this.#answered.buffer as SharedArrayBuffer,
      debug: options.debug !== null,
      hook: options.hook,
      maxEventLoopDelay: options.maxEventLoopDelay,
    }
    this.#ended = new Promise((resolve) => {
      this.#onEnded = resolve
    })
    this.index = index
    this.#messages = messages
    this.#exits = exits
    this.#control = control.port1
    this.#replies = replies.port1
    try {
      this.worker = startWorker(boot, options)
    } catch (cause) {
      for (const { port1, port2 } of [control, replies]) {
        port1.close()
        port2.close()
      }
      throw cause
    }
    this.threadId = this.worker.threadId
    this.#listen()
  }

  /** Whether `terminate` was called. */
  get terminated(): boolean {
    return this.#terminated
  }

  post(message: ToWorker): void {
    this.#control.postMessage(message)
  }

  /**
   * Ends the thread. The thread is told to exit, and is stopped in the middle only if it does not
   * exit. Node cannot clean up after a thread that was stopped: HTTP/2 requests that come in after
   * the thread's JavaScript has ended abort the whole process (worker/drain/http2-sessions.ts), and
   * files that import() was opening stay open.
   */
  async terminate(): Promise<void> {
    this.#terminated = true
    this.post({ type: 'exit' })
    const late = new AbortController()
    await Promise.race([this.#ended, delay(EXIT_TIMEOUT_MS, undefined, { signal: late.signal }).catch(() => undefined)])
    late.abort()
    await this.worker.terminate()
  }

  #listen(): void {
    this.#control.on('message', (message: ToMain) => this.#onMessage(message))
    this.worker.on('error', (value: unknown) => {
      this.#error = { value }
    })
    // The worker writes through other streams (worker/process/stdio.ts). These two carry what
    // --import writes, which runs before the others are opened.
    this.worker.stdout.on('data', (data: Uint8Array) => print(1, data))
    this.worker.stderr.on('data', (data: Uint8Array) => print(2, data))
    this.worker.once('exit', (code) => this.#onExit(code))
  }

  #onMessage(message: ToMain): void {
    if (message.type === 'uncaught') this.#reported = message.text
    else if (message.type === 'output') print(message.fd, message.data)
    else if (message.type === 'call') this.#answer(message.id, message.call)
    else this.#messages.take(this, message)
  }

  #answer(id: number, call: Call): void {
    const reply: Reply = this.#messages.answer(this, call)
    this.#replies.postMessage(reply)
    Atomics.store(this.#answered, 0, id)
    Atomics.notify(this.#answered, 0)
  }

  #onExit(code: number): void {
    this.#onEnded()
    // The exit may overtake the last messages of the port, which are then still in its queue.
    for (let rest = receiveMessageOnPort(this.#control); rest; rest = receiveMessageOnPort(this.#control)) {
      this.#onMessage(rest.message as ToMain)
    }
    this.#control.close()
    this.#replies.close()
    this.#exits.onExit(this, this.#exitOf(code))
  }

  /**
   * Makes the exit from Node's exit code, which may be 0 for a thread that Node itself has ended,
   * or could not set up.
   */
  #exitOf(exitCode: number): WorkerExit {
    const error = this.#error?.value
    const endedByNode = isEndedByNode(error)
    const code = endedByNode && exitCode === 0 ? 1 : exitCode
    return {
      code,
      error: this.#error && this.#errorText(error, endedByNode),
      failure: isInitFailure(error) ? threadFailure(this.index, error) : null,
      byItself: !this.#terminated,
    }
  }

  /**
   * Returns the bootstrap's report, which says more than the cloned error, where it is about this
   * error. A thread that Node ends has no report. And if a handler of uncaught errors or of the
   * exit has thrown another error, the last report is of an error that the app has handled.
   */
  #errorText(error: unknown, endedByNode: boolean): string {
    const isOfIt = !(error instanceof Error) || this.#reported?.includes(error.message)
    if (this.#reported !== null && isOfIt && !endedByNode) return this.#reported
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** @throws the errors of `new Worker` */
function startWorker(boot: WorkerBoot, { env, execArgv, resourceLimits }: ResolvedOptions): Worker {
  return new Worker(startFile(), {
    name: `worker_${boot.index}`,
    workerData: boot,
    transferList: [boot.control, boot.replies],
    stdin: true,
    // Without these, Node opens this thread's own streams, and keeps them open while there is a
    // worker.
    stdout: true,
    stderr: true,
    env: env ?? SHARE_ENV,
    ...(execArgv && { execArgv: [...execArgv] }),
    ...(resourceLimits && { resourceLimits }),
  })
}
