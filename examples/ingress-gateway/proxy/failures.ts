import { Refusal } from './reply.ts'

/**
 * The error for a backend that has not answered, or not in a way that can be forwarded. It has what
 * the client is told.
 */
export class BackendFailure extends Error {
  readonly status: 502 | 503 | 504

  constructor(status: BackendFailure['status'], reason: string) {
    super(reason)
    this.status = status
  }
}

// These errors are made once, because an error for each request that may need one would cost more
// than the request's head.
export const unreachable = new BackendFailure(503, 'cannot be reached')
export const reset = new BackendFailure(503, 'closed the connection before it answered')
export const late = new BackendFailure(504, 'did not answer in time')
export const held = new BackendFailure(504, 'did not take the request in time')
/** This failure is the client's. */
export const stalled = new Refusal(408, 'the request did not come in time')
const malformed = new BackendFailure(502, 'did not answer in HTTP')
const overflow = new BackendFailure(502, 'sent too large a header')

/** The failures by Node's and the system's codes. The statuses are Envoy's. */
const failures: Readonly<Record<string, BackendFailure>> = {
  ECONNREFUSED: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: unreachable,
  EMFILE: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  ETIMEDOUT: unreachable,
  ECONNRESET: reset,
  EPIPE: reset,
  HPE_HEADER_OVERFLOW: overflow,
}

export function failureOf(error: unknown): BackendFailure {
  if (error instanceof BackendFailure) return error
  // If several addresses were tried, the first one's error counts.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const { code = '' } = (first ?? {}) as NodeJS.ErrnoException
  if (Object.hasOwn(failures, code)) return failures[code]
  return code.startsWith('HPE_') ? malformed : new BackendFailure(502, 'failed')
}

/**
 * Whether a kept connection may have been closed by the backend just when a request was sent on it.
 */
export function isReset(error: unknown): boolean {
  return failureOf(error) === reset
}
