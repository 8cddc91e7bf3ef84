import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { request } from 'undici'
import { type Outcome, source } from '../programs.ts'

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
export class Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly outcome: Promise<Outcome>
  stdout = ''
  stderr = ''

  constructor(t: Test, args: readonly string[], { script = main, nodeOptions = [], env }: ProgramOptions = {}) {
    // By env(1): see runNode.
    const command = ['NODE_OPTIONS=', process.execPath, ...nodeOptions, script, '--port', '0', ...args]
    this.child = spawn('/usr/bin/env', command, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    t.teardown(() => this.child.kill('SIGKILL'))
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => (this.stdout += chunk))
    this.child.stderr.setEncoding('utf8').on('data', (chunk) => (this.stderr += chunk))
    this.outcome = once(this.child, 'close').then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr }
    })
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout)
      if (match) return match
      await Promise.race([once(this.child.stdout, 'data'), this.#unexpectedEnd(pattern)])
    }
  }

  /** Of the summary. */
  async port(): Promise<number> {
    const [, port] = await this.until(/listening {2}http:\/\/127\.0\.0\.1:(\d+) [\s\S]*Ctrl-C/)
    return Number(port)
  }

  /** @returns the status */
  async get(url: string, host = 'httpbin.example.com'): Promise<number> {
    const { statusCode, body } = await request(`http://127.0.0.1:${await this.port()}${url}`, { headers: { host } })
    await body.dump()
    return statusCode
  }

  async #unexpectedEnd(pattern: RegExp): Promise<never> {
    const { code, stdout, stderr } = await this.outcome
    throw new Error(`ended with ${code} before it printed ${pattern}: ${stdout}${stderr}`)
  }
}
