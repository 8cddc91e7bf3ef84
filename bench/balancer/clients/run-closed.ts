import { now } from '../../lib/clock.ts'
import type { ClosedJob, LoadResult } from './jobs.ts'
import type { Lines } from './lines.ts'
import { Tally } from './tally.ts'

/**
 * Runs users who each send the next request as soon as the last is answered. This shows how much
 * the server can do, and little about latency.
 */
export async function runClosed({ mix, users, seconds, index, clients }: ClosedJob, lines: Lines): Promise<LoadResult> {
  const tally = new Tally(mix)
  const end = now() + seconds * 1000
  let n = 0
  const user = (ended: () => void): void => {
    const began = now()
    if (began >= end) {
      ended()
      return
    }
    const kind = tally.kindOf(n++ * clients + index)
    lines.request(kind.path, (body) => {
      tally.count(kind, body !== null, now() - began)
      // Otherwise a refused connection would be tried again without end in the same turn.
      if (body === null) setTimeout(user, 1, ended)
      else user(ended)
    })
  }
  await Promise.all(Array.from({ length: users }, () => new Promise<void>(user)))
  return tally.result()
}
