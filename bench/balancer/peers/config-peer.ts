import { type SpawnOptions, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Child } from '../child.ts'
import type { Peer, RunningServer, ServerSpec } from '../peer.ts'

export interface ConfigPeerOptions {
  readonly name: string
  readonly command: string
  /** The option that makes the program print its version. */
  readonly version: string
  /** @param folder an empty folder for the program alone */
  args(folder: string, configFile: string): string[]
  config(spec: ServerSpec, port: number): string
}

const START_MS = 10_000

/** The programs may use these folders until the bench ends. */
const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/**
 * Makes a peer of a program with a configuration file. It is skipped where the program is not
 * installed.
 */
export function configPeer({ name, command, version, args, config }: ConfigPeerOptions): Peer {
  return {
    name,
    unavailable: () => (spawnSync(command, [version]).status === 0 ? null : `${command} is not installed`),
    start: (spec) =>
      startWithFolder((folder, port) => {
        const file = path.join(folder, 'config')
        writeFileSync(file, config(spec, port))
        return { command, args: args(folder, file) }
      }),
  }
}

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly options?: SpawnOptions
}

/**
 * @param prepare fills the folder, which is the program's alone, and returns how to start the
 *   program so that it listens on the port
 */
export async function startWithFolder(prepare: (folder: string, port: number) => Program): Promise<RunningServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'node-dlb-bench-'))
  folders.push(folder)
  const port = await freePort()
  const { command, args, options } = prepare(folder, port)
  const child = await Child.start(command, args, options)
  await untilItAccepts(port)
  return { child, port, reload: null }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Waits until the port accepts, because such programs do not tell when they are ready. */
async function untilItAccepts(port: number): Promise<void> {
  const end = performance.now() + START_MS
  while (performance.now() < end) {
    const socket = net.connect(port, '127.0.0.1')
    const accepted = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (accepted) return
    await wait(10)
  }
  throw new Error('it does not listen')
}
