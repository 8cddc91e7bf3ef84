import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { NodeDlbError } from '../../errors.ts'
import { type Layout, maxThreads } from './layout.ts'

/**
 * The words of an entry: its thread's number and state, Node's threadId, the kernel's thread id (0:
 * not known), and the thread's start time.
 */
const state = 0
const node = 1
const kernel = 2
const started = 3
const stride = 4

/**
 * A thread's number is positive. Its low bits are the entry's index + 1, and the bits above are a
 * generation, so that a number names one thread for ever and an entry can be used again. If a
 * number's entry does not show the number, its thread has gone.
 */
const indexBits = 9
const nextGeneration = 1 << indexBits
const numberMask = 0x3fffffff
/**
 * Bits of an entry's state, beside the last thread's number: `entering`, the entry is being filled
 * in; `free`, the entry is free.
 */
const entering = 0x40000000
const free = 0x80000000 | 0

/**
 * The kernel's PF_EXITING flag: the thread no longer runs our code. It can still be listed after it
 * has been joined.
 */
const exiting = 0x4

/**
 * The threads that use a domain, and whether they still live. A terminated thread tells nobody, so
 * other threads ask the kernel: Linux lists a process's threads in /proc/self/task, and a thread
 * finds its own id in /proc/thread-self. The start time tells a thread from a later one with the
 * same id.
 *
 * A thread about which nothing can be learned (no /proc, or no descriptor left) counts as living
 * until `recover` is called for one of its ports: the caller is believed.
 */
export class Threads {
  readonly #m: Int32Array
  readonly #base: number

  constructor(memory: Int32Array, layout: Layout) {
    this.#m = memory
    this.#base = layout.threads
  }

  /** Enters the calling thread. @returns its number */
  enter(): number {
    for (let i = 0; i < maxThreads; i++) {
      const number = this.#claim(i)
      if (number === 0) continue
      const at = this.#base + i * stride
      const m = this.#m
      const id = ownKernelId()
      const time = id === 0 ? unknown : startTime(id)
      m[at + node] = threadId
      m[at + started] = time
      m[at + kernel] = time === unknown ? 0 : id
      Atomics.store(m, at + state, number)
      return number
    }
    throw new NodeDlbError(
      'ERR_DLB_NO_RESOURCES',
      `a domain can be attached ${maxThreads} times; close it in threads that no longer need it`,
    )
  }

  leave(number: number): void {
    // This changes nothing if the thread was declared ended and another has taken its entry.
    Atomics.compareExchange(this.#m, this.#entry(number) + state, number, number | free)
  }

  /** The threadId that Node gave the thread. */
  threadId(number: number): number {
    return this.#m[this.#entry(number) + node]
  }

  /**
   * Notes that the thread has ended. The caller is believed unless the kernel shows that the thread
   * runs.
   * @returns whether the thread counts as ended now
   */
  declareEnded(number: number): boolean {
    const seen = this.#stateOf(number)
    if (seen === running) return false
    // This changes the entry only if it is still that thread's: another thread may have taken it by
    // now.
    if (seen === unknown) this.leave(number)
    return true
  }

  /** Whether the thread still runs, as far as that can be known. */
  alive(number: number): boolean {
    return this.#stateOf(number) !== gone
  }

  #stateOf(number: number): typeof running | typeof unknown | typeof gone {
    const at = this.#entry(number)
    const id = Atomics.load(this.#m, at + kernel)
    const time = Atomics.load(this.#m, at + started)
    // This is read after the two words above, which belong to that thread if this one still does.
    if (Atomics.load(this.#m, at + state) !== number) return gone
    if (id === 0) return unknown
    const now = startTime(id)
    if (now === unknown) return unknown
    return now === time ? running : gone
  }

  /**
   * Takes an entry that is free, or whose thread has ended. @returns the new number; 0 if the entry
   * is in use
   */
  #claim(i: number): number {
    const at = this.#base + i * stride + state
    const before = Atomics.load(this.#m, at)
    const used = before > 0
    if (used && ((before & entering) !== 0 || this.alive(before))) return 0
    const generation = before === 0 ? 0 : (before & numberMask) - (i + 1)
    const number = ((generation + nextGeneration) & numberMask & ~(nextGeneration - 1)) | (i + 1)
    return Atomics.compareExchange(this.#m, at, before, number | entering) === before ? number : 0
  }

  #entry(number: number): number {
    return this.#base + ((number & (nextGeneration - 1)) - 1) * stride
  }
}

const unknown = -1
const gone = -2
const running = -3

function ownKernelId(): number {
  try {
    // "<pid>/task/<tid>"
    return Number(readlinkSync('/proc/thread-self').split('/').pop())
  } catch {
    return 0
  }
}

/**
 * A thread's start time, in clock ticks since boot, cut to 31 bits; `gone` if the thread has ended,
 * `unknown` if that cannot be told now.
 */
function startTime(id: number): number {
  try {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1')
    // The name in parentheses may contain anything. The first field behind it is the third of all.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if ((Number(fields[6]) & exiting) !== 0) return gone
    return Number(fields[19]) & 0x7fffffff
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return gone
    // There may be no descriptor left. Checking that the name exists needs none.
    return existsSync(`/proc/self/task/${id}`) ? unknown : gone
  }
}
