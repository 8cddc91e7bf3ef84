import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Child } from '../child.ts'
import type { Peer, RunningServer } from '../peer.ts'
import type { FromServer } from '../servers/serve.ts'

/** The Node that all servers under test run on, so that they can be compared. */
export const serverNode: string = process.env.NODE_DLB_BENCH_NODE || process.execPath

export interface NodePeerOptions {
  readonly name: string
  /** The name of a script in servers/. */
  readonly script: string
  readonly args?: readonly string[]
  /** The first version of each line of releases that can run it; undefined: all can. */
  readonly since?: readonly Version[]
}

const START_LIMIT_MS = 30_000

type Version = readonly [major: number, minor: number]

/** A peer that is a Node program. */
export function nodePeer({ name, script, args = [], since }: NodePeerOptions): Peer {
  const file = fileURLToPath(new URL(`../servers/${script}`, import.meta.url))
  return {
    name,
    unavailable: () => (since && !isSince(nodeVersion(), since) ? tooOld(since) : null),
    start: (spec) => startNode([file, JSON.stringify(spec), ...args]),
  }
}

async function startNode(args: readonly string[]): Promise<RunningServer> {
  const child = await Child.start(serverNode, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  // This ends the wait, too.
  const limit = setTimeout(() => child.kill(), START_LIMIT_MS)
  const said = await child.message<Extract<FromServer, { port: number }>>()
  clearTimeout(limit)
  const reload = async (): Promise<void> => {
    const done = child.message()
    child.send({})
    await done
  }
  return { child, port: said.port, reload: said.reloads ? reload : null }
}

/** @param since in ascending order; releases newer than the last line can run it, too */
export function isSince([major, minor]: Version, since: readonly Version[]): boolean {
  const line = since.find(([of]) => of === major)
  return line ? minor >= line[1] : major > since[since.length - 1][0]
}

export function tooOld(since: readonly Version[]): string {
  const wanted = since.map((version) => version.join('.')).join(' or ')
  return `Node ${nodeVersion().join('.')} cannot; NODE_DLB_BENCH_NODE names another one, ${wanted} or newer`
}

let version: Version | null = null
export function nodeVersion(): Version {
  version ??= execFileSync(serverNode, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    .split('.')
    .map(Number) as unknown as Version
  return [version[0], version[1]]
}
