import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Test } from 'tap'
import { cli, type Outcome, source } from '../programs.ts'

export const fixture = (name: string): string => source(`test/cli/fixtures/${name}`)

/** A running `node-dlb run`. */
export class Command {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly outcome: Promise<Outcome>
  stderr = ''
  stdout = ''

  /** `descriptors`: how many it may have open; null: as many as this process. */
  constructor(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}, descriptors: number | null = null) {
    const limit = descriptors === null ? '' : `ulimit -n ${descriptors} && `
    // tap puts its module loader, which handles signals, into NODE_OPTIONS whatever `env` says.
    const options = `NODE_OPTIONS=${env.NODE_OPTIONS ?? ''}`
    const words = ['-c', `${limit}exec env "$@"`, 'sh', options, process.execPath, cli, 'run', ...args]
    this.child = spawn('/bin/sh', words, { env: { ...process.env, NODE_DEBUG: '', ...env } })
    t.teardown(() => this.child.kill('SIGKILL'))
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => (this.stdout += chunk))
    this.child.stderr.setEncoding('utf8').on('data', (chunk) => (this.stderr += chunk))
    this.outcome = once(this.child, 'close').then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr }
    })
  }

  async untilStderr(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stderr)
      if (match) return match
      await once(this.child.stderr, 'data')
    }
  }

  async untilStdout(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout)
      if (match) return match
      await once(this.child.stdout, 'data')
    }
  }

  /** The port in the summary line. */
  async port(): Promise<number> {
    const [, port] = await this.untilStderr(/listening on .*:(\d+)\n/)
    return Number(port)
  }
}
