import type { DomainConfig } from '../device.ts'

/**
 * The layout of a domain's SharedArrayBuffer, in 32-bit words. The protocol includes who may write
 * a word:
 *
 * - *Public* words are how threads communicate. They are read and written with Atomics, each by the
 *   writers that its comment names.
 * - *Private* words are the scheduler's. Only the thread that holds `word.lock` touches them, and
 *   it journals what it overwrites (journal.ts), so that a thread that dies meanwhile leaves
 *   nothing half done.
 *
 * Public words of different writers lie 64 bytes apart, so that one core's writes do not invalidate
 * the cache line of another's.
 */

/** The least power of two from `n`. Tx rings and the free ring are indexed by mask. */
function powerOfTwoFrom(n: number): number {
  return n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1))
}

export const maxThreads = 256
/**
 * The most sends that a port may have posted that the scheduler has not taken; also the most
 * credits in a port's allowance.
 */
export const txWindow = 256
export const journalEntries = 8192

/** Words of the whole domain; public up to `phase`. */
export const word = {
  magic: 0,
  /** A DomainState. The creator writes it. */
  state: 1,
  /** The configuration, which is constant. */
  ldbQueues: 2,
  ldbPorts: 3,
  dirPorts: 4,
  eventStateEntries: 5,
  credits: 6,
  sequenceNumberSlots: 7,
  domainId: 8,
  domainKey: 9,
  /**
   * The number of queues and ports created so far. The creator writes it before the start; it is
   * constant after that.
   */
  ldbQueuesMade: 10,
  ldbPortsMade: 11,
  dirQueuesMade: 12,
  dirPortsMade: 13,
  /** 1 if the domain's threads wake each other through the addon. Constant. */
  hasAddon: 14,
  /**
   * The number (threads.ts) of the thread that schedules now; 0 if none does. Any thread writes it,
   * by compare-and-swap.
   */
  lock: 32,
  /**
   * 4 words: a bit for each port that has something new for the scheduler. The port sets it, the
   * holder clears it.
   */
  dirty: 48,
  /**
   * 1 if events wait for room, so that a thread that makes room must call the scheduler. The holder
   * writes it.
   */
  backlog: 64,
  /** 4 words: a bit for each enabled port. Any thread writes it. */
  enabled: 80,
  /** The words from here on are private. */
  phase: 96,
  journalLength: 97,
  freeHead: 98,
  freeTail: 99,
  creditsFree: 100,
  /** Events in queues, including those of blocked flows. */
  queued: 101,
  /** A bit for each load-balanced queue that has events; then 2 words for the directed queues. */
  ldbBusy: 102,
  dirBusy: 103,
  /** 2 words: a bit for each port at which an atomic flow is blocked. */
  blockedPorts: 105,
  freeFlow: 107,
  end: 112,
} as const

export const DomainState = { configuring: 1, started: 2, closed: 3 } as const

/** A port's public words, in four lines of 16 words. */
export const port = {
  /**
   * Low half: records posted to the tx ring, mod 2^16. High half: credits that the port may still
   * spend. The port and the holder write it, by compare-and-swap.
   */
  tx: 0,
  /** Completions posted so far, mod 2^32. The port writes it. */
  done: 1,
  /**
   * 1 once the port has sent, so that its allowance of credits is kept filled. The port sets it.
   */
  sends: 2,
  /**
   * Events received so far, mod 2^32. The port writes it, by compare-and-swap; for a dead thread's
   * port, `recover` writes it.
   */
  head: 16,
  /** Events scheduled to the port so far. The holder writes it. */
  tail: 32,
  /** Records taken from the tx ring so far, mod 2^16. The holder writes it. */
  txHead: 33,
  /** 1 while the port's thread sleeps. The port sets it; the thread that wakes it clears it. */
  sleep: 48,
  /**
   * The number of the thread that has the port; 0 if none has. Written by compare-and-swap; a
   * closing creator writes -1.
   */
  owner: 49,
  /**
   * The addon's number for the waker of the port's thread, set before the thread sleeps. 0: there
   * is none, and the thread sleeps in `Atomics.waitAsync`.
   */
  waker: 50,
  stride: 64,
} as const

/** A port's private words, and its constants. */
export const own = {
  txHead: 0,
  tail: 1,
  /** Events completed so far. For a directed port, this is `headSeen`. */
  completed: 2,
  /** `head` when the port's credits were last taken back. */
  reclaimed: 3,
  /** `head` when it was last read. */
  headSeen: 4,
  /** A bit for each load-balanced queue that has a flow blocked at this port. */
  blocked: 5,
  /** Constants, set when the port is created. */
  depth: 8,
  entries: 9,
  ring: 10,
  ringMask: 11,
  meta: 12,
  txRing: 13,
  txMask: 14,
  made: 15,
  stride: 16,
} as const

/** A queue's private words. Directed queues follow the load-balanced ones. */
export const queue = {
  /** Priorities with events: bits 0–7 of class 0, 8–15 of class 1 (atomic). */
  mask: 0,
  depth: 1,
  /** The port served last, for ties. */
  lastPort: 2,
  /** The class served last, for ties. */
  lastClass: 3,
  /**
   * Four words of ordered queues: how many sequence numbers there are, where the reorder ring is,
   * the oldest number in use, and the next one.
   */
  sequenceNumbers: 6,
  reorder: 7,
  oldest: 8,
  next: 9,
  /** Directed queues: the consuming port's index + 1. Constant after the start. */
  consumer: 10,
  made: 11,
  /** Public: 2 words, a bit for each linked port. The ports write it. */
  links: 12,
  /** 2 classes × 8 priorities × (head, tail, count). */
  lists: 16,
  /** Flow lists of the atomic flows that have events and are not pinned to a port. */
  loose: 64,
  stride: 96,
} as const

/**
 * Lists of flows by the priority of their first event: a mask of the priorities that have flows;
 * then (first, last) for each priority.
 */
export const flowLists = { mask: 0, lists: 1, stride: 17 } as const

/** An entry of the atomic flow table. */
export const flow = {
  key: 0,
  /** The index of the port that the flow is pinned to, + 1; 0 while it is loose. */
  port: 1,
  uncompleted: 2,
  head: 3,
  tail: 4,
  count: 5,
  next: 6,
  previous: 7,
  chain: 8,
  stride: 9,
} as const

export interface FixedConfig extends Required<Omit<DomainConfig, 'sequenceNumbers'>> {}

/** Offsets that depend on the configuration. They are the same in every thread that attaches. */
export class Layout {
  readonly config: FixedConfig
  /**
   * The number of load-balanced and directed ports together. A port's index is its id, plus
   * `loadBalancedPorts` if it is directed.
   */
  readonly ports: number
  readonly queues: number
  readonly threads: number
  readonly port: number
  readonly own: number
  readonly queue: number
  /** Link priority + 1 by [port][queue]; 0 if not linked. Public: the port writes it. */
  readonly links: number
  readonly journal: number
  /** Cells, which hold queued events: first the data (4 words each), then the next cell of each. */
  readonly cells: number
  readonly nextCell: number
  readonly freeRing: number
  readonly freeMask: number
  /** Flow lists by [port][queue]: flows that are pinned to the port and find no room there. */
  readonly blocked: number
  readonly flows: number
  readonly flowCount: number
  readonly buckets: number
  readonly bucketMask: number
  readonly reorder: number
  readonly rings: number
  readonly end: number

  constructor(config: FixedConfig) {
    this.config = config
    const { loadBalancedPorts, directedPorts, loadBalancedQueues, eventStateEntries, credits } = config
    this.ports = loadBalancedPorts + directedPorts
    this.queues = loadBalancedQueues + directedPorts
    let at = word.end as number
    const take = (words: number): number => {
      const start = at
      at += Math.ceil(words / 16) * 16
      return start
    }
    this.threads = take(maxThreads * 4)
    this.port = take(this.ports * port.stride)
    this.own = take(this.ports * own.stride)
    this.queue = take(this.queues * queue.stride)
    this.links = take(loadBalancedPorts * loadBalancedQueues)
    this.journal = take(journalEntries * 2)
    this.cells = take(credits * 4)
    this.nextCell = take(credits)
    // A pass writes behind the free cells, and may still be undone. It frees at most the cells that
    // were in use before it and those that it took.
    const free = powerOfTwoFrom(2 * credits)
    this.freeRing = take(free)
    this.freeMask = free - 1
    this.blocked = take(loadBalancedPorts * loadBalancedQueues * flowLists.stride)
    // Each flow in the table has an uncompleted or a queued event.
    this.flowCount = eventStateEntries + credits
    this.flows = take((this.flowCount + 1) * flow.stride)
    const buckets = powerOfTwoFrom(this.flowCount)
    this.buckets = take(buckets)
    this.bucketMask = buckets - 1
    this.reorder = take(config.sequenceNumberSlots * 1024)
    this.rings = at
    // Ports take their rings from here when they are created: see portRings.
    at += (eventStateEntries + loadBalancedPorts) * (4 * 6) + directedPorts * 1024 * 4
    at += (2 * eventStateEntries + 2 * txWindow * this.ports) * 4
    this.end = at
  }

  /**
   * The number of slots of a port's rings. The consumer ring has twice as many as the port has
   * entries, because a pass may reuse the slots of events that it completed and still be undone; a
   * directed port has nothing to complete. The tx ring has a slot for every release that can be
   * outstanding, so that a release never finds it full.
   */
  static portRings(directed: boolean, depth: number, entries: number): { ring: number; tx: number } {
    return {
      ring: directed ? depth : powerOfTwoFrom(2 * entries),
      tx: powerOfTwoFrom(entries + txWindow),
    }
  }
}
