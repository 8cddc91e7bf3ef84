import { spawn } from 'node:child_process'

/** A failure that the person at the keyboard can fix. Its message is printed, its stack is not. */
export class SetupProblem extends Error {
  name = 'SetupProblem'
}

export const say = (line) => process.stderr.write(`setup: ${line}\n`)

/**
 * Runs one step's program and says how long it took. The program's output is shown only if it
 * fails.
 * @returns {Promise<void>}
 */
export async function runStep({ doing, command, args, cwd, onFailure }) {
  say(doing)
  const start = performance.now()
  const { status, output } = await collect(command, args, cwd)
  if (status !== 0) {
    process.stderr.write(output)
    throw new SetupProblem(`${onFailure} (${[command, ...args].join(' ')}: ${status})`)
  }
  say(`  done in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

function collect(command, args, cwd) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = []
  child.stdout.on('data', (chunk) => output.push(chunk))
  child.stderr.on('data', (chunk) => output.push(chunk))
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: error.code, output: '' }))
    child.once('close', (code, signal) => resolve({ status: signal ?? code, output: Buffer.concat(output) }))
  })
}
