import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { within } from './deadline.ts'

/** The command as it ships. Its bundle starts sooner than the compiled modules. */
export const cli = fileURLToPath(new URL('../lib/bundle/cli.js', import.meta.url))

/** How a program ended, and all that it printed. */
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A file of the repository, by its path from the root: fixtures are not compiled, so they are not
 * beside the test.
 */
export function source(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

/**
 * Starts a program in Node as users run it. By env(1), since tap puts its module loader into every
 * child's NODE_OPTIONS whatever `env` says: it breaks require(esm), handles signals, and opens the
 * standard streams.
 */
export function startNode(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const { NODE_OPTIONS = '', ...env } = options.env ?? {}
  const command = [`NODE_OPTIONS=${NODE_OPTIONS}`, process.execPath, ...args]
  return spawn('/usr/bin/env', command, { ...options, env: { ...process.env, ...env } })
}

/** `by`: a command that runs it, such as setpriv(1) and its options. */
export function runNode(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  by: readonly string[] = [],
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const nodeOptions = `NODE_OPTIONS=${env.NODE_OPTIONS ?? ''}`
    const child = spawn('/usr/bin/env', [nodeOptions, ...by, process.execPath, ...args], {
      env: { ...process.env, ...env },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk) => (stdout += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk) => (stderr += chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ stdout, stderr, code, signal }))
  })
}

/** `node-dlb <args>` */
export function runCli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return runNode([cli, ...args], env)
}

/** What a child prints on stderr. */
export class Lines {
  readonly stream: NodeJS.ReadableStream
  text = ''

  constructor(child: ChildProcess) {
    this.stream = child.stderr as NodeJS.ReadableStream
    this.stream.setEncoding('utf8')
    this.stream.on('data', (chunk) => (this.text += chunk))
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text)
      if (match) return match
      await within(`${pattern} on stderr, after ${JSON.stringify(this.text)}`, once(this.stream, 'data'))
    }
  }
}
