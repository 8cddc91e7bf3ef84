import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { request } from 'undici'
import { source } from '../programs.ts'
import { Running } from '../running.ts'

const main = fileURLToPath(new URL('../../examples/ingress-gateway/main.js', import.meta.url))
const config = source('examples/ingress-gateway/config')

/** The seed's documents without the EnvoyFilter. */
export const withoutFilter = [
  '--config',
  ...['config.yaml', 'httpbin.yaml', 'httpbin-gateway.yaml'].map((name) => path.join(config, name)),
]

export interface ProgramOptions {
  readonly script?: string
  /** Node's own. */
  readonly nodeOptions?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A gateway that runs, on a port that is free. */
export class Program extends Running {
  constructor(t: Test, args: readonly string[], { script = main, nodeOptions = [], env = {} }: ProgramOptions = {}) {
    super(t, [...nodeOptions, script, '--port', '0', ...args], { env })
  }

  /** The port in the summary. */
  async port(): Promise<number> {
    const [, port] = await this.untilStdout(/listening {2}http:\/\/127\.0\.0\.1:(\d+) [\s\S]*Ctrl-C/)
    return Number(port)
  }

  /** Sends a request, and returns the answer's status. */
  async get(url: string, host = 'httpbin.example.com'): Promise<number> {
    const { statusCode, body } = await request(`http://127.0.0.1:${await this.port()}${url}`, { headers: { host } })
    await body.dump()
    return statusCode
  }
}
