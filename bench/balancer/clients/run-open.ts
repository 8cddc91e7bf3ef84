import { writeFileSync } from 'node:fs'
import os from 'node:os'
import { now } from '../../lib/clock.ts'
import type { LoadResult, OpenJob } from './jobs.ts'
import type { Lines } from './lines.ts'
import { openLoop } from './open-loop.ts'
import { dueTimes, seeded } from './schedule.ts'
import { parseWho, Tally } from './tally.ts'

const clock = { now, wait: (milliseconds: number, then: () => void): unknown => setTimeout(then, milliseconds) }
/** Milliseconds until the first request is due: all clients have begun by then. */
const LEAD_MS = 20
const PRIORITY = -10

/**
 * Sends requests at their times, and measures their latencies from then on. Where it may, the
 * client goes before other processes: it must not be late because the servers keep the CPUs busy.
 * The result says how late it was.
 */
export async function runOpen(
  { schedule, mix, index, clients, seed, patience }: OpenJob,
  lines: Lines,
): Promise<LoadResult> {
  goFirst()
  const tally = new Tally(mix)
  const outstanding = new Map<number, number>()
  // This client's share of all requests, in turn with the others'.
  const due = dueTimes(schedule, seeded(seed)).filter((_, i) => i % clients === index)
  let answeredAll = (): void => undefined
  await openLoop(due, now() + LEAD_MS, clock, (n, dueAt) => {
    const i = n * clients + index
    const kind = tally.kindOf(i)
    tally.sentLate(now() - dueAt)
    outstanding.set(i, dueAt)
    lines.request(kind.path, (body, { connectedAt }) => {
      if (!outstanding.delete(i)) return
      if (body !== null && kind.path === '/who') tally.handedOver(parseWho(body), connectedAt)
      tally.count(kind, body !== null, now() - dueAt)
      if (outstanding.size === 0) answeredAll()
    })
  })
  await new Promise<void>((resolve) => {
    answeredAll = resolve
    setTimeout(resolve, outstanding.size === 0 ? 0 : patience)
  })
  for (const [i, dueAt] of outstanding) tally.count(tally.kindOf(i), false, now() - dueAt)
  outstanding.clear()
  return tally.result()
}

function goFirst(): void {
  try {
    os.setPriority(PRIORITY)
    // Where sessions are scheduled as groups (autogroup), the group's own priority is what counts.
    writeFileSync('/proc/self/autogroup', String(PRIORITY))
  } catch {
    // That needs privileges, or there are no groups. Then the process takes its turn.
  }
}
