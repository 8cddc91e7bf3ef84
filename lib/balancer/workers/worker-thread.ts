import { setTimeout as delay } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort, SHARE_ENV, Worker } from 'node:worker_threads'
import type { NodeDlbError } from '../../errors.ts'
import { addonFile } from '../../native.ts'
import { print } from '../../print.ts'
import type { Call, Notice, Reply, ToMain, ToWorker, WorkerBoot, WorkerLink } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { isEndedByNode, isInitFailure, threadFailure } from './thread-failure.ts'
import { startFile, workerCode } from './worker-code.ts'

/** Handles what a worker asks and tells. */
export interface WorkerMessages {
  /** Answers at once: the worker's thread waits for the reply. */
  answer(thread: WorkerThread, call: Call): Reply
  take(thread: WorkerThread, notice: Notice): void
}

export interface WorkerExits {
  /**
   * The thread is joined: Node has closed all that it had open. Its last messages were delivered
   * before.
   */
  onExit(thread: WorkerThread, exit: WorkerExit): void
}

export interface WorkerExit {
  readonly code: number
  /** The uncaught error that ended it, as text; null if none did. */
  readonly error: string | null
  /** Why Node could not set the thread up (ERR_DLB_THREAD_FAILED). null: the entry was run. */
  readonly failure: NodeDlbError | null
  /** The thread has ended by itself, and not by `terminate`. */
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
 * A thread that was told to exit, and has not done so after this time, is stuck: in its own code,
 * or in its user's --import.
 */
const OBEY_MS = 2000

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
  /** What Node names as the error that ended the thread. */
  #error: { readonly value: unknown } | null = null
  #terminated = false

  /** @throws the error that Node gives for not starting the thread. Nothing is left open then. */
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
   * Ends the thread. It is told to exit, and is stopped where it is only if it does not. A thread
   * that is stopped in the middle leaves things to Node that Node cannot handle: HTTP/2 requests
   * that come in after the thread's JavaScript has ended abort the whole process
   * (worker/drain/http2-sessions.ts), and files that import() was opening stay open.
   */
  async terminate(): Promise<void> {
    this.#terminated = true
    this.post({ type: 'exit' })
    const late = new AbortController()
    await Promise.race([this.#ended, delay(OBEY_MS, undefined, { signal: late.signal }).catch(() => undefined)])
    late.abort()
    await this.worker.terminate()
  }

  #listen(): void {
    this.#control.on('message', (message: ToMain) => this.#onMessage(message))
    this.worker.on('error', (value: unknown) => {
      this.#error = { value }
    })
    // The worker's own streams are others (worker/process/stdio.ts). These carry what --import
    // writes, which runs before those are opened.
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
    // The ports' messages and the exit come by different ways: the last messages may still be in
    // the queue.
    for (let rest = receiveMessageOnPort(this.#control); rest; rest = receiveMessageOnPort(this.#control)) {
      this.#onMessage(rest.message as ToMain)
    }
    this.#control.close()
    this.#replies.close()
    this.#exits.onExit(this, this.#exitOf(code))
  }

  /** Node's exit code may be 0 for a thread that Node itself has ended, or could not set up. */
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
   * The bootstrap's report says more than the cloned error. But a thread that Node ends has no
   * report; and the last report may be of an error that the app has handled, if a handler of
   * uncaught errors or of the exit has thrown another.
   */
  #errorText(error: unknown, endedByNode: boolean): string {
    const isOfIt = !(error instanceof Error) || this.#reported?.includes(error.message)
    if (this.#reported !== null && isOfIt && !endedByNode) return this.#reported
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** @throws what `new Worker` does */
function startWorker(boot: WorkerBoot, { env, execArgv, resourceLimits }: ResolvedOptions): Worker {
  return new Worker(startFile(), {
    name: `worker_${boot.index}`,
    workerData: boot,
    transferList: [boot.control, boot.replies],
    stdin: true,
    // Otherwise Node opens this thread's own, for as long as there is a worker.
    stdout: true,
    stderr: true,
    env: env ?? SHARE_ENV,
    ...(execArgv && { execArgv: [...execArgv] }),
    ...(resourceLimits && { resourceLimits }),
  })
}
