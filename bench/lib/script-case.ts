import { spawn } from 'node:child_process'
import type { Case, Figures } from './rounds.ts'

export interface Script {
  readonly name: string
  /** The compiled script that runs the case once and prints its Figures as one line of JSON. */
  readonly script: string
  readonly args: readonly string[]
}

const LIMIT_MS = 60_000

/**
 * Makes a case of a program, which runs in a process of its own each time. It is ended after a
 * minute.
 */
export function scriptCase(group: string, { name, script, args }: Script): Case {
  return {
    group,
    name,
    warmUpRound: true,
    run: async () => ({ figures: readFigures(await output(script, args)) }),
  }
}

async function output(script: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'], timeout: LIMIT_MS })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...end) => resolve(end))
  })
  if (code !== 0) throw new Error(`it failed (${signal ?? `exit code ${code}`})`)
  return text
}

/** libdlb prints to stdout, too. The figures are found wherever they are in a line. */
function readFigures(text: string): Figures {
  const figures = /\{"[^{}\n]*\}/.exec(text)?.[0]
  if (figures === undefined) throw new Error(`it printed no figures, but: ${text}`)
  return JSON.parse(figures) as Figures
}
