import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('./fixtures/scenario.js', import.meta.url))

export interface Result {
  code: number | string
  lines: string[]
  stderr: string
}

/** Runs a scenario of fixtures/scenario.ts to its end. */
export function run(scenario: string, env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, scenario], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? error?.signal ?? 0, lines: stdout.split('\n').slice(0, -1), stderr })
    })
  })
}
