import { errors } from 'undici'

/** What a client is told when its backend has not answered. */
export interface Failure {
  readonly status: 502 | 503 | 504
  readonly reason: string
}

const unreachable: Failure = { status: 503, reason: 'cannot be reached' }
const reset: Failure = { status: 503, reason: 'closed the connection before it answered' }
const timeout: Failure = { status: 504, reason: 'did not answer in time' }
const malformed: Failure = { status: 502, reason: 'did not answer in HTTP' }

/** By undici's and the system's codes; the statuses are Envoy's. */
const failures: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: unreachable,
  EMFILE: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  ETIMEDOUT: unreachable,
  UND_ERR_CONNECT_TIMEOUT: unreachable,
  ECONNRESET: reset,
  EPIPE: reset,
  UND_ERR_SOCKET: reset,
  UND_ERR_HEADERS_TIMEOUT: timeout,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: malformed,
  UND_ERR_HEADERS_OVERFLOW: { status: 502, reason: 'sent too large a header' },
}

export function failureOf(error: unknown): Failure {
  // Of several addresses that were tried, the first one's.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const code = (first as NodeJS.ErrnoException | null)?.code ?? ''
  // It has no code in undici 7.
  if (first instanceof errors.HTTPParserError) return malformed
  return failures[code] ?? { status: 502, reason: 'failed' }
}
