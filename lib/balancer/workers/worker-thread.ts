import { setTimeout as delay } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort, SHARE_ENV, Worker } from 'node:worker_threads'
import type { NodeDlbError } from '../../errors.ts'
import { addonFile } from '../../native.ts'
import { print } from '../../print.ts'
import type { Call, Notice, Reply, ToMain, ToWorker, WorkerBoot, WorkerLink } from '../../protocol.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { isEndedByNode, isInitFailure, threadFailure } from './thread-failure.ts'
import { startFile, workerCode } from './worker-code.ts'

/** What the main thread does for a worker. */
export interface WorkerEvents {
  /** Answers at once: the worker's thread waits for it. */
  onCall(thread: WorkerThread, call: Call): Reply
  onNotice(thread: WorkerThread, notice: Notice): void
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
  /** Node could not set the thread up (ERR_DLB_THREAD_FAILED): the entry was not run. */
  readonly failure: NodeDlbError | null
  /** By itself, and not by `terminate`. */
  readonly byItself: boolean
}

/**
 * A thread that was told to exit, and has not after so long, is stuck: in its own code, or in its
 * user's --import.
 */
const OBEY_MS = 2000

/** One life of one worker: a thread that runs the user's entry, and main's line to it. */
export class WorkerThread {
  readonly index: number
  readonly threadId: number
  readonly worker: Worker
  readonly #events: WorkerEvents
  readonly #control: MessagePort
  readonly #replies: MessagePort
  readonly #answered = new Int32Array(new SharedArrayBuffer(4))
  readonly #ended: Promise<void>
  #onEnded: () => void = () => undefined
  /** What its bootstrap has reported last; the app may have handled it. */
  #reported: string | null = null
  /** What Node says that it ended by. */
  #error: { readonly value: unknown } | null = null
  #terminated = false

  /** @throws why there is no thread, as Node has it. Nothing is left open then. */
  constructor(
    index: number,
    link: WorkerLink,
    ledger: SharedArrayBuffer,
    options: ResolvedOptions,
    events: WorkerEvents,
  ) {
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
    this.#events = events
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
   * Ends the thread: it is told to exit, and is stopped where it is only if it does not. For what
   * is stopped in the middle leaves things to Node that it cannot handle: HTTP/2 requests that come
   * in after the thread's JavaScript has ended abort the whole process
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
    // The worker's own streams are others (worker/process/stdio.ts): this is what ran before they
    // were opened, by --import.
    this.worker.stdout.on('data', (data: Uint8Array) => print(1, data))
    this.worker.stderr.on('data', (data: Uint8Array) => print(2, data))
    this.worker.once('exit', (code) => this.#onExit(code))
  }

  #onMessage(message: ToMain): void {
    if (message.type === 'uncaught') this.#reported = message.text
    else if (message.type === 'output') print(message.fd, message.data)
    else if (message.type === 'call') this.#answer(message.id, message.call)
    else this.#events.onNotice(this, message)
  }

  #answer(id: number, call: Call): void {
    const reply: Reply = this.#events.onCall(this, call)
    this.#replies.postMessage(reply)
    Atomics.store(this.#answered, 0, id)
    Atomics.notify(this.#answered, 0)
  }

  #onExit(code: number): void {
    this.#onEnded()
    // The ports' messages and the exit come by different ways: what it sent last may still be in
    // the queue.
    for (let rest = receiveMessageOnPort(this.#control); rest; rest = receiveMessageOnPort(this.#control)) {
      this.#onMessage(rest.message as ToMain)
    }
    this.#control.close()
    this.#replies.close()
    this.#events.onExit(this, this.#exitOf(code))
  }

  /** Of a thread that Node itself has ended, or could not set up, Node's exit code may be 0. */
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
   * The bootstrap's report says more than the cloned error. But Node ends a thread without one; and
   * the last report may be of an error that the app has handled, if a handler of uncaught errors or
   * of the exit has thrown another.
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
    // Else Node opens this thread's own, as long as there is a worker.
    stdout: true,
    stderr: true,
    env: env ?? SHARE_ENV,
    ...(execArgv && { execArgv: [...execArgv] }),
    ...(resourceLimits && { resourceLimits }),
  })
}
