import type { ServerSpec } from '../peer.ts'

/** The messages of a server's process to the bench. */
export type FromServer = { readonly port: number; readonly reloads: boolean } | { readonly reloaded: true }

export interface Served {
  readonly port: number
  readonly reload?: (() => Promise<unknown>) | undefined
}

/** The process's arguments: the ServerSpec as JSON, then the peer's own. */
export const spec = JSON.parse(process.argv[2] ?? '{}') as ServerSpec
// Workers read the environment, whether they are processes or threads.
if (spec.tls) process.env.BENCH_TLS = '1'
if (spec.webSocket) process.env.BENCH_WEB_SOCKET = '1'
if (spec.bare) process.env.BENCH_BARE = '1'
export const args: readonly string[] = process.argv.slice(3)
export const appMain: URL = new URL('../app/main.js', import.meta.url)

/** Runs a server under test for as long as the bench's process wants it. */
export async function serve(start: () => Promise<Served>): Promise<void> {
  process.on('SIGTERM', () => process.exit())
  process.on('disconnect', () => process.exit())
  const { port, reload } = await start()
  process.on('message', () => void reload?.().then(() => tell({ reloaded: true })))
  tell({ port, reloads: reload !== undefined })
}

function tell(message: FromServer): void {
  process.send?.(message)
}
