import type { DomainConfig } from '../device.ts'

/**
 * Where everything is in a domain's SharedArrayBuffer, in 32-bit words. Who may write a word is
 * part of the protocol:
 *
 * - *public* words are how threads talk: read and written with Atomics, each by the writers named
 *   at its place;
 * - *private* words are the scheduler's: only the thread that holds LOCK touches them, and it
 *   journals what it overwrites (journal.ts), so that a thread that dies inside leaves nothing half
 *   done.
 *
 * Public words of different writers lie 64 bytes apart, so that a core does not lose a cache line
 * to a neighbour.
 */

/** A power of two; ports' tx rings and the free ring index by mask. */
export function powerOfTwoFrom(n: number): number {
  return n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1))
}

export const maxThreads = 256
/**
 * Sends that a port may have posted and the scheduler not yet taken; also the most credits a port
 * holds for itself.
 */
export const txWindow = 256
export const journalEntries = 8192

/** Public, domain-wide. */
export const word = {
  magic: 0,
  /** DomainState; written by the creator. */
  state: 1,
  /** The configuration; constant. */
  ldbQueues: 2,
  ldbPorts: 3,
  dirPorts: 4,
  eventStateEntries: 5,
  credits: 6,
  sequenceNumberSlots: 7,
  domainId: 8,
  domainKey: 9,
  /** What has been created so far; written by the creator before start, constant after. */
  ldbQueuesMade: 10,
  ldbPortsMade: 11,
  dirQueuesMade: 12,
  dirPortsMade: 13,
  /** 1: its threads wake each other through the addon. Constant. */
  hasAddon: 14,
  /**
   * The number (threads.ts) of the thread that schedules now, 0 if none. Any thread, by
   * compare-and-swap.
   */
  lock: 32,
  /**
   * 4 words: a bit per port that has something new for the scheduler. Set by the port, cleared by
   * the holder.
   */
  dirty: 48,
  /**
   * 1: events wait for room, so whoever makes room must call the scheduler. Written by the holder.
   */
  backlog: 64,
  /** 4 words: a bit per enabled port. Any thread. */
  enabled: 80,
  /** Private, domain-wide, from here. */
  phase: 96,
  journalLength: 97,
  freeHead: 98,
  freeTail: 99,
  creditsFree: 100,
  /** Events in queues, those of blocked flows included. */
  queued: 101,
  /** A bit per load-balanced queue with something queued; then 2 words for directed ones. */
  ldbBusy: 102,
  dirBusy: 103,
  /** 2 words: a bit per port on which an atomic flow is blocked. */
  blockedPorts: 105,
  freeFlow: 107,
  end: 112,
} as const

export const DomainState = { configuring: 1, started: 2, closed: 3 } as const

/** Public words of a port: four lines of 16 words. */
export const port = {
  /**
   * Low half: records posted to the tx ring, mod 2^16. High half: credits the port may still spend.
   * The port and the holder, by CAS.
   */
  tx: 0,
  /** Completions posted so far, mod 2^32. The port. */
  done: 1,
  /** 1: the port has sent, so its allowance of credits is kept filled. Set by the port. */
  sends: 2,
  /** Events received so far, mod 2^32. The port (or `recover`, for a dead one), by CAS. */
  head: 16,
  /** Events scheduled to it so far. The holder. */
  tail: 32,
  /** Records of the tx ring taken so far, mod 2^16. The holder. */
  txHead: 33,
  /** 1: the port's thread sleeps. Set by the port, cleared by whoever wakes it. */
  sleep: 48,
  /** The number of the thread that has the port; 0 none. By CAS; a closing creator writes -1. */
  owner: 49,
  /**
   * The addon's number for the waker of the port's thread, set before it sleeps; 0: none, it sleeps
   * in waitAsync.
   */
  waker: 50,
  stride: 64,
} as const

/** Private words of a port, and its constants. */
export const own = {
  txHead: 0,
  tail: 1,
  /** Events completed so far; equals what `head` was last seen as for a directed port. */
  completed: 2,
  /** `head` when its credits were last taken back. */
  reclaimed: 3,
  /** `head` as last seen. */
  headSeen: 4,
  /** A bit per load-balanced queue of which a flow is blocked here. */
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

/** Private words of a queue. Directed queues follow the load-balanced ones. */
export const queue = {
  /** Priorities with events: bits 0–7 of class 0, 8–15 of class 1 (atomic). */
  mask: 0,
  depth: 1,
  /** The port served last, for ties. */
  lastPort: 2,
  /** The class served last, for ties. */
  lastClass: 3,
  /** Ordered queues: sequence numbers. */
  sequenceNumbers: 6,
  reorder: 7,
  oldest: 8,
  next: 9,
  /** Directed queues: port index + 1. Constant after start. */
  consumer: 10,
  made: 11,
  /** Public: 2 words, a bit per linked port. Written by the ports. */
  links: 12,
  /** 2 classes × 8 priorities × (head, tail, count). */
  lists: 16,
  /** Atomic flows that are pinned nowhere and have events: flow lists. */
  loose: 64,
  stride: 96,
} as const

/**
 * Lists of flows by the priority of their first event: a mask of those that have any; then (first,
 * last) by priority.
 */
export const flowLists = { mask: 0, lists: 1, stride: 17 } as const

/** An entry of the atomic flow table. */
export const flow = {
  key: 0,
  /** Port index + 1; 0 while loose. */
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

/** Offsets that depend on the configuration; the same in every thread that attaches. */
export class Layout {
  readonly config: FixedConfig
  /**
   * Load-balanced and directed ports together; a port's index is its id, plus `ldbPorts` if it is
   * directed.
   */
  readonly ports: number
  readonly queues: number
  readonly threads: number
  readonly port: number
  readonly own: number
  readonly queue: number
  /** Link priority + 1 by [port][queue], 0 if not linked. Public; written by the port. */
  readonly links: number
  readonly journal: number
  /** Cells hold queued events: data (4 words each) and the next cell. */
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
    // A pass writes behind the free cells, and may still be undone: it frees no more than were in
    // use, or taken in it.
    const free = powerOfTwoFrom(2 * credits)
    this.freeRing = take(free)
    this.freeMask = free - 1
    this.blocked = take(loadBalancedPorts * loadBalancedQueues * flowLists.stride)
    // A flow in the table has an uncompleted or a queued event.
    this.flowCount = eventStateEntries + credits
    this.flows = take((this.flowCount + 1) * flow.stride)
    const buckets = powerOfTwoFrom(this.flowCount)
    this.buckets = take(buckets)
    this.bucketMask = buckets - 1
    this.reorder = take(config.sequenceNumberSlots * 1024)
    this.rings = at
    // Ports take their rings from here as they are created: see portRings.
    at += (eventStateEntries + loadBalancedPorts) * (4 * 6) + directedPorts * 1024 * 4
    at += (2 * eventStateEntries + 2 * txWindow * this.ports) * 4
    this.end = at
  }

  /**
   * The slots of a port's rings. The consumer ring has twice the entries, since a pass may reuse
   * what it completed and still be undone; a directed port has nothing to complete. The tx ring has
   * a place for every release that can be outstanding, so a release never finds it full.
   */
  static portRings(directed: boolean, depth: number, entries: number): { ring: number; tx: number } {
    return {
      ring: directed ? depth : powerOfTwoFrom(2 * entries),
      tx: powerOfTwoFrom(entries + txWindow),
    }
  }
}
