import { AcceptMode } from './accept-mode.ts'
import { LedgerCounters } from './counters.ts'
import { LedgerEntries } from './entries.ts'

// The shared memory is a header of one cache line, then the counters, the accept mode, the entries
// (one word for each fd), and the fds' listeners (two bytes each).
const HEADER_BYTES = 64
const CAPACITY = 0
const WORKERS = 1
const HIGH_WATER = 2

/** The parts of a ledger's memory. */
export interface LedgerParts {
  readonly workers: number
  readonly counters: LedgerCounters
  readonly acceptMode: AcceptMode
  readonly entries: LedgerEntries
}

/** Makes the memory of a ledger with entries for `capacity` fds and rows for `workers`. */
export function createMemory(capacity: number, workers: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(listenersAt(capacity, workers) + capacity * Uint16Array.BYTES_PER_ELEMENT)
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4)
  header[CAPACITY] = capacity
  header[WORKERS] = workers
  return buffer
}

/** Finds the parts in memory that `createMemory` made. Any thread can call it. */
export function partsOf(buffer: SharedArrayBuffer): LedgerParts {
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4)
  const capacity = header[CAPACITY]
  const workers = header[WORKERS]
  const words = new Int32Array(buffer, entriesAt(workers), capacity)
  const listeners = new Uint16Array(buffer, listenersAt(capacity, workers), capacity)
  return {
    workers,
    counters: new LedgerCounters(buffer, HEADER_BYTES, workers),
    acceptMode: new AcceptMode(buffer, acceptModeAt(workers), workers),
    entries: new LedgerEntries(words, listeners, header.subarray(HIGH_WATER, HIGH_WATER + 1)),
  }
}

function acceptModeAt(workers: number): number {
  return HEADER_BYTES + LedgerCounters.byteLength(workers)
}

function entriesAt(workers: number): number {
  return acceptModeAt(workers) + AcceptMode.byteLength(workers)
}

function listenersAt(capacity: number, workers: number): number {
  return entriesAt(workers) + capacity * Int32Array.BYTES_PER_ELEMENT
}
