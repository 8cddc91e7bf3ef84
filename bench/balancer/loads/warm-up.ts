import type { Connections, RequestKind } from '../clients/jobs.ts'
import type { Fleet } from '../fleet.ts'
import { runFleet } from './closed.ts'
import type { ClosedLoad } from './closed-load.ts'
import type { LoadContext } from './load.ts'
import { isForWrk, runWrk } from './wrk.ts'

const USERS = 64
/** With more workers than this, the warm-up is twice as long. */
const FEW_WORKERS = 8

/**
 * Sends as many requests as the server can take, before a load at a rate. Until then a worker
 * interprets the code that it runs, and takes ten times as long for it. At 50 connections a second,
 * or at 1,000 for 32 workers, that would be what is measured.
 */
export async function warmUp(
  { connections, mix }: { readonly connections: Connections; readonly mix: readonly RequestKind[] },
  fleet: Fleet,
  { server, spec, scale }: LoadContext,
): Promise<void> {
  const seconds = Math.ceil(scale.warmUpSeconds * (spec.workers > FEW_WORKERS ? 2 : 1))
  const load: ClosedLoad = { kind: 'closed', seconds, connections, users: USERS, mix: mix.slice(0, 1) }
  if (isForWrk(load, seconds)) await runWrk(load, server.port, seconds)
  else await runFleet(load, fleet, server.port, seconds)
}
