import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Test } from 'tap'
import { within } from './deadline.ts'
import type { Outcome } from './programs.ts'

export interface RunningOptions {
  readonly env?: NodeJS.ProcessEnv
  /** How many descriptors it may have open; null: as many as this process. */
  readonly descriptors?: number | null
}

/** A program that runs in Node as users run it, and what it has printed so far. */
export class Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly outcome: Promise<Outcome>
  stdout = ''
  stderr = ''

  constructor(t: Test, args: readonly string[], { env = {}, descriptors = null }: RunningOptions = {}) {
    const limit = descriptors === null ? '' : `ulimit -n ${descriptors} && `
    // By env(1): see startNode.
    const options = `NODE_OPTIONS=${env.NODE_OPTIONS ?? ''}`
    const words = ['-c', `${limit}exec env "$@"`, 'sh', options, process.execPath, ...args]
    this.child = spawn('/bin/sh', words, { env: { ...process.env, ...env } })
    t.teardown(() => this.child.kill('SIGKILL'))
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => (this.stdout += chunk))
    this.child.stderr.setEncoding('utf8').on('data', (chunk) => (this.stderr += chunk))
    this.outcome = once(this.child, 'close').then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr }
    })
  }

  /** Waits until the program has printed this. Throws if it ends before. */
  untilStdout(pattern: RegExp): Promise<RegExpExecArray> {
    return within(`${pattern} on stdout`, this.#until('stdout', pattern))
  }

  untilStderr(pattern: RegExp): Promise<RegExpExecArray> {
    return within(`${pattern} on stderr`, this.#until('stderr', pattern))
  }

  async #until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream])
      if (match) return match
      await Promise.race([once(this.child[stream], 'data'), this.#unexpectedEnd(stream, pattern)])
    }
  }

  async #unexpectedEnd(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
    const { code, signal, stdout, stderr } = await this.outcome
    if (pattern.test(this[stream])) return
    throw new Error(`ended with ${code ?? signal} before it printed ${pattern}: ${stdout}${stderr}`)
  }
}
