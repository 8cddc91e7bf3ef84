import type { Schedule } from './schedule.ts'

/** One of the kinds of requests that a load is made of. */
export interface RequestKind {
  /** What its latencies are called. */
  readonly name: string
  readonly path: string
  /** Every n-th request is of this kind; the first kind of a mix is what the others leave. */
  readonly every?: number
}

/** 'new': a connection for each request; else so many that stay open. */
export type Connections = 'new' | number

/**
 * Each connection begins with a handshake: a full one, or one that resumes the session of the one
 * before.
 */
export type Tls = 'full' | 'resumed'

interface Job {
  readonly port: number
  readonly connections: Connections
  /** Of connections that are new for each request. */
  readonly tls?: Tls
  readonly mix: readonly RequestKind[]
  /** Which of the clients this is, and how many there are. */
  readonly index: number
  readonly clients: number
}

/** Requests that go out when they are due. */
export interface OpenJob extends Job {
  readonly kind: 'open'
  readonly schedule: Schedule
  readonly seed: number
  /** ms after the last was due until those without an answer count as failed. */
  readonly patience: number
}

/** So many users at a time, each of whom asks again when answered. */
export interface ClosedJob extends Job {
  readonly kind: 'closed'
  readonly users: number
  readonly seconds: number
}

/** Connections that are held, and known by worker. */
export interface HoldJob extends Job {
  readonly kind: 'hold'
  /**
   * This share of them, chosen at random, is closed and opened anew; null: all are opened for the
   * first time.
   */
  readonly churn: number | null
  readonly seed: number
}

/** WebSockets that come and go. */
export interface FanInJob extends Job {
  readonly kind: 'fan-in'
  readonly seconds: number
  /** ms between a connection's messages. */
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
  /** By name of the request kind, as Latencies encodes them. */
  readonly latencies: Readonly<Record<string, string>>
  /** Of the connections' ways to their workers, where requests asked for `/who`. */
  readonly handOff: HandOff | null
  /** How late the client itself sent, of open loops. */
  readonly late: string | null
  /** How many connections each worker has, of held ones. */
  readonly held: Readonly<Record<string, number>>
  /** The same in the course of the job, where connections come and go. */
  readonly heldOverTime: readonly Readonly<Record<string, number>>[]
}
