import type { RequestKind } from '../clients/jobs.ts'
import { Fleet } from '../fleet.ts'
import type { ServerSpec } from '../peer.ts'
import { peerNamed } from '../peers/index.ts'
import { runFleet } from './closed.ts'
import type { Scale } from './load.ts'

/** A rate that is a share of what this machine can do. */
export interface ShareOfCapacity {
  readonly share: number
  /** The peer whose capacity counts for all peers, because they are compared at the same rate. */
  readonly of: string
}

const USERS = 64
const SECONDS = 2
const known = new Map<string, Promise<number>>()

/**
 * Returns requests per second. A capacity is measured once in a run of the bench, when it is first
 * wanted.
 */
export function rateFor(
  { share, of }: ShareOfCapacity,
  spec: ServerSpec,
  mix: readonly RequestKind[],
  { warmUpSeconds }: Scale,
): Promise<number> {
  const key = JSON.stringify([of, spec, mix])
  // The measurement takes twice as long as others, because what V8 has yet to compile is no
  // capacity.
  const capacity = known.get(key) ?? measure(of, spec, mix, 2 * warmUpSeconds)
  known.set(key, capacity)
  return capacity.then((rate) => Math.max(1, Math.round(rate * share)))
}

async function measure(of: string, spec: ServerSpec, mix: readonly RequestKind[], warmUp: number): Promise<number> {
  const { child, port } = await peerNamed(of).start(spec)
  const fleet = await Fleet.start()
  try {
    const load = { kind: 'closed', seconds: SECONDS, connections: 'new', users: USERS, mix } as const
    await runFleet(load, fleet, port, warmUp)
    const { completed, seconds } = await runFleet(load, fleet, port, SECONDS)
    return completed / seconds
  } finally {
    await fleet.stop()
    await child.stop()
  }
}
