import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { NodeDlbError } from '../../errors.ts'
import { type Layout, maxThreads } from './layout.ts'

/** Words of a thread's entry: use, Node's threadId + 1, the kernel's thread id (0: unknown), its start time. */
const used = 0
const node = 1
const kernel = 2
const started = 3
const stride = 4

/**
 * The threads that use a domain, and whether they still live. A terminated thread tells nobody, so others ask the
 * kernel: Linux lists a process's threads in /proc/self/task, and a thread finds its own id in /proc/thread-self. The
 * start time tells a thread from a later one with the same id.
 *
 * Without /proc a thread counts as living until `recover` is called for a port of its, which takes the caller's word.
 */
export class Threads {
  readonly #m: Int32Array
  readonly #base: number

  constructor(memory: Int32Array, layout: Layout) {
    this.#m = memory
    this.#base = layout.threads
  }

  /** Enters the calling thread. @returns its index + 1. */
  enter(): number {
    const m = this.#m
    for (let i = 0; i < maxThreads; i++) {
      const at = this.#base + i * stride
      if (Atomics.compareExchange(m, at + used, 0, 1) !== 0) continue
      const id = ownKernelId()
      m[at + node] = threadId + 1
      m[at + started] = id === 0 ? 0 : startTime(id)
      Atomics.store(m, at + kernel, id)
      return i + 1
    }
    throw new NodeDlbError(
      'ERR_DLB_NO_RESOURCES',
      `a domain can be attached ${maxThreads} times; close it in threads that need it no more`,
    )
  }

  leave(thread: number): void {
    Atomics.store(this.#m, this.#base + (thread - 1) * stride + used, 0)
  }

  /** Node's threadId. */
  threadId(thread: number): number {
    return this.#m[this.#base + (thread - 1) * stride + node] - 1
  }

  /** The caller knows that the thread has ended. Believed only where it cannot be told. */
  declareEnded(thread: number): void {
    Atomics.compareExchange(this.#m, this.#base + (thread - 1) * stride + kernel, 0, ended)
  }

  /** Whether the thread still runs, as far as can be told. */
  alive(thread: number): boolean {
    const at = this.#base + (thread - 1) * stride
    const id = Atomics.load(this.#m, at + kernel)
    if (id <= 0) return id === 0
    return startTime(id) === this.#m[at + started]
  }
}

/** Kernel id of a thread that somebody has said to have ended. */
const ended = -1

function ownKernelId(): number {
  // "<pid>/task/<tid>"
  if (!existsSync('/proc/thread-self')) return 0
  return Number(readlinkSync('/proc/thread-self').split('/').pop())
}

/** The kernel's PF_EXITING: the thread runs no code of ours any more. It can still be listed when it has been joined. */
const exiting = 0x4

/** In clock ticks since boot, cut to 32 bits; 0 if there is no such thread. */
function startTime(id: number): number {
  try {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1')
    // The name in parentheses may hold anything; behind it, the first field is the third.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [flags, time] = [Number(fields[6]), Number(fields[19])]
    return (flags & exiting) === 0 ? time | 0 : 0
  } catch {
    return 0
  }
}
