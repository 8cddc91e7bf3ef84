import type { Schedule } from './schedule.ts'

/** One of the kinds of requests that a load is made of. */
export interface RequestKind {
  /** The name of its latencies. */
  readonly name: string
  readonly path: string
  /** Every n-th request is of this kind; undefined: the requests that other kinds leave are. */
  readonly every?: number
}

/** 'new': a connection for each request; a number: this many connections stay open. */
export type Connections = 'new' | number

/**
 * Each connection begins with a handshake: a full one, or one that resumes the session of the one
 * before.
 */
export type Tls = 'full' | 'resumed'

interface Job {
  readonly port: number
  readonly connections: Connections
  /** For connections that are new for each request. */
  readonly tls?: Tls
  readonly mix: readonly RequestKind[]
  /** The number of this client, and how many clients there are. */
  readonly index: number
  readonly clients: number
}

/** Requests that go out when they are due. */
export interface OpenJob extends Job {
  readonly kind: 'open'
  readonly schedule: Schedule
  readonly seed: number
  /** Milliseconds after the last was due until requests without an answer count as failed. */
  readonly patience: number
}

/** Several users at a time, each of whom sends the next request when the last is answered. */
export interface ClosedJob extends Job {
  readonly kind: 'closed'
  readonly users: number
  readonly seconds: number
}

/** Connections that are held, and known by worker. */
export interface HoldJob extends Job {
  readonly kind: 'hold'
  /**
   * The share of the connections, chosen at random, that is closed and opened anew; null: all are
   * opened for the first time.
   */
  readonly churn: number | null
  readonly seed: number
}

/** WebSockets that come and go. */
export interface FanInJob extends Job {
  readonly kind: 'fan-in'
  readonly seconds: number
  /** Milliseconds between a connection's messages. */
  readonly gap: number
  readonly seed: number
}

export type AnyJob = OpenJob | ClosedJob | HoldJob | FanInJob

/** Encoded latencies. */
export interface HandOff {
  /** From the client's connect() to the server's 'connection' event in the worker. */
  readonly arrival: string
  /** From accept to adoption, where the peer's driver knows it; empty elsewhere. */
  readonly adoption: string
}

export interface LoadResult {
  readonly completed: number
  readonly failed: number
  /** The latencies by name of the request kind, as Latencies encodes them. */
  readonly latencies: Readonly<Record<string, string>>
  /** The times that connections took to their workers, where requests asked for `/who`. */
  readonly handOff: HandOff | null
  /** How late the client itself sent, for open loops; else null. */
  readonly late: string | null
  /** How many of the held connections each worker has. */
  readonly held: Readonly<Record<string, number>>
  /** The same in the course of the job, where connections come and go. */
  readonly heldOverTime: readonly Readonly<Record<string, number>>[]
}
