import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import type { ClosedLoad, Done } from './closed-load.ts'

const THREADS = 1
let version: string | null | undefined

/**
 * Returns wrk's version; null if it is not installed. wrk takes less of the CPU than a client in
 * JavaScript. Its latencies, of a closed loop, are not used.
 */
export function wrkVersion(): string | null {
  version ??= /^wrk \S+/.exec(spawnSync('wrk', ['-v'], { encoding: 'utf8' }).stdout ?? '')?.[0] ?? null
  return version
}

/** Whether wrk can put this load on a server. It counts in whole seconds. */
export function isForWrk({ mix, tls }: ClosedLoad, seconds: number): boolean {
  return !tls && mix.length === 1 && Number.isInteger(seconds) && wrkVersion() !== null
}

export async function runWrk({ connections, users, mix }: ClosedLoad, port: number, seconds: number): Promise<Done> {
  const close = connections === 'new' ? ['-H', 'Connection: close'] : []
  const args = ['-t', String(THREADS), '-c', String(users), '-d', `${seconds}s`, '--timeout', '10s', ...close]
  const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${port}${mix[0].path}`])
  return parseWrk(stdout)
}

/** @throws Error if this is not wrk's summary */
export function parseWrk(text: string): Done {
  const [, requests, time, unit] = /(\d+) requests in ([\d.]+)(ms|s|m),/.exec(text) ?? []
  if (requests === undefined) throw new Error(`wrk said: ${text}`)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? []
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  return {
    completed: Number(requests) - refused,
    failed: errors.reduce((sum, n) => sum + Number(n), refused),
    seconds: Number(time) * ({ ms: 0.001, s: 1, m: 60 }[unit] ?? 1),
  }
}
