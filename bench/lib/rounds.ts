import { spawn } from 'node:child_process'

/** Figures by name, from one run of one trial. */
export type Figures = Record<string, number>

export interface Trial {
  readonly name: string
  /** Compiled script that runs it once and prints its Figures as one line of JSON. */
  readonly script: string
  readonly args: readonly string[]
}

/**
 * Runs each trial `rounds` times, each time in a process of its own, in turn, so that a change of the machine's speed
 * meets all of them. The first round warms the machine up and is not counted.
 * @throws Error if a trial fails, or takes more than a minute.
 */
export async function runRounds(trials: readonly Trial[], rounds: number): Promise<Map<string, Figures[]>> {
  const results = new Map<string, Figures[]>(trials.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const trial of trials) {
      progress(`round ${round}/${rounds}: ${trial.name}`)
      const figures = await runOnce(trial)
      if (round > 0) results.get(trial.name)?.push(figures)
    }
  }
  progress('')
  return results
}

async function runOnce({ name, script, args }: Trial): Promise<Figures> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...end) => resolve(end))
  })
  if (code !== 0) throw new Error(`trial '${name}' failed (${signal ?? `exit code ${code}`})`)
  return readFigures(name, output)
}

/** libdlb prints to stdout, too: the figures are what looks like them, wherever in a line. */
function readFigures(name: string, output: string): Figures {
  const figures = /\{"[^{}\n]*\}/.exec(output)?.[0]
  if (figures === undefined) throw new Error(`trial '${name}' printed no figures, but: ${output}`)
  return JSON.parse(figures) as Figures
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
}
