import { now } from '../lib/clock.ts'
import type { Case, Sample } from '../lib/rounds.ts'
import { runLoad } from './loads/index.ts'
import type { Scale } from './loads/load.ts'
import type { Peer } from './peer.ts'
import { peerNamed } from './peers/index.ts'
import type { Trial, Variant } from './trial.ts'

/** Milliseconds that a run may take beyond its load before it is given up. */
const SLACK_MS = 90_000

export interface Skipped {
  readonly name: string
  readonly why: string
}

export interface CaseOptions {
  readonly scale: Scale
  /** Whether only the short form's cases are taken. */
  readonly short: boolean
  /** Parts of names of peers; an empty list means all. */
  readonly peers: readonly string[]
}

export interface Group {
  readonly group: string
  readonly cases: readonly Case[]
  readonly skipped: readonly Skipped[]
}

/** Returns the trial's variants, each with every peer that can run here. */
export function casesOf(trial: Trial, options: CaseOptions): Group[] {
  return trial.variants.map((variant) => {
    const group = `${trial.name}, ${variant.name}`
    const cases: Case[] = []
    const skipped: Skipped[] = []
    for (const peer of peersOf(trial, variant, options).map(peerNamed)) {
      const why = peer.unavailable(variant.server)
      if (why !== null) skipped.push({ name: `${group}: ${peer.name}`, why })
      else cases.push(toCase(group, variant, peer, options.scale))
    }
    return { group, cases, skipped }
  })
}

function peersOf(trial: Trial, { peers = trial.peers, short = [] }: Variant, options: CaseOptions): readonly string[] {
  const wanted = options.short ? short : peers
  return options.peers.length === 0
    ? wanted
    : wanted.filter((name) => options.peers.some((word) => name.includes(word)))
}

function toCase(group: string, variant: Variant, peer: Peer, scale: Scale): Case {
  return { group, name: `${group}: ${peer.name}`, warmUpRound: false, run: () => run(variant, peer, scale) }
}

/** Each run has a server of its own: a process tree that is fresh, and gone afterwards. */
async function run({ server: spec, load }: Variant, peer: Peer, scale: Scale): Promise<Sample> {
  const began = now()
  const server = await peer.start(spec)
  const startMilliseconds = now() - began
  // This also ends whatever waits for the server, because its connections and messages break.
  const limit = setTimeout(() => server.child.kill(), SLACK_MS + scale.seconds * 1000)
  try {
    return await runLoad(load, { server, spec, scale, startMilliseconds })
  } finally {
    clearTimeout(limit)
    await server.child.stop()
  }
}
