import { realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildAddon } from './addon.mjs'
import { bundle } from './bundle.mjs'
import { lock } from './lock.mjs'
import { installPackages } from './packages.mjs'
import { SetupProblem, say } from './problem.mjs'
import { buildSim } from './sim.mjs'
import { prepareTestRunner } from './test-runner.mjs'
import { compile } from './typescript.mjs'

const root = realpathSync(path.join(path.dirname(fileURLToPath(import.meta.url)), '../..'))

/**
 * The steps that running needs, in order. Each step checks whether its result is stale, and does
 * nothing if it is not.
 */
const toRun = [installPackages, buildAddon, compile, bundle]

/**
 * What `npm start` and `npm test` do first. A failure that a person can fix ends the process
 * without a stack.
 */
export async function setUp({ tests }) {
  try {
    checkNodeVersion()
    await runSteps(tests ? [...toRun, buildSim, prepareTestRunner] : toRun)
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error
    say(error.message)
    process.exit(1)
  }
}

async function runSteps(steps) {
  const unlock = await lock(root)
  try {
    let didSomething = false
    for (const step of steps) didSomething = (await step(root)) || didSomething
    say(didSomething ? 'ready' : 'nothing to do')
  } finally {
    unlock()
  }
}

function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const firstMinor = { 20: 19, 22: 12 }[major] ?? (major >= 24 ? 0 : Number.POSITIVE_INFINITY)
  if (minor >= firstMinor) return
  throw new SetupProblem(`Node ${process.versions.node} is too old or unsupported; use 20.19+, 22.12+, 24 or newer`)
}
