import type { Test } from 'tap'
import type { Device } from '../../lib/device/device.ts'
import { check, type Wrong } from './model/check.ts'
import { randomSetup } from './model/history.ts'
import { Player } from './model/player.ts'
import { random } from './random.ts'
import { nightly, seedFor } from './seed.ts'
import type { Open } from './world.ts'

/** After a failure, so many more are tried, for a shorter one. */
const moreAfterFailure = 1000
const mostSteps = 60

interface Failure extends Wrong {
  readonly seed: number
  readonly history: readonly string[]
  readonly isError: boolean
}

/** Random histories of a device, so many, each held against a model of the contract. */
export async function model(t: Test, open: Open, count: number): Promise<void> {
  const histories = nightly ? 100 * count : count
  const first = seedFor(t)
  const device = open()
  t.teardown(() => device.close())
  let shortest: Failure | null = null
  let left = histories
  for (let seed = first; left > 0; seed++, left--) {
    const failure = await tryOut(device, seed)
    if (failure === null || (shortest !== null && failure.step >= shortest.step)) continue
    // One that waited in vain is enough.
    if (failure.isError) left = 1
    else if (shortest === null) left = Math.min(left, moreAfterFailure)
    shortest = failure
  }
  if (shortest === null) t.pass(`${histories} histories are as the contract says`)
  else t.fail(`NODE_DLB_SEED=${shortest.seed}: ${shortest.what}`, { history: shortest.history })
}

/** Plays and checks the history of one seed. @returns what is wrong, or null. */
export async function tryOut(device: Device, seed: number): Promise<Failure | null> {
  const below = random(Math.imul(seed, 0x9e3779b1))
  const player = new Player(device, randomSetup(below), below)
  let wrong: Wrong | null
  let isError = false
  try {
    await player.play(1 + below(mostSteps))
    wrong = check(player)
  } catch (error) {
    isError = true
    wrong = { step: player.steps.length, what: String(error) }
  } finally {
    player.close()
  }
  if (wrong === null) return null
  const steps = player.steps.slice(0, wrong.step + 1).map(({ text }) => text)
  return { ...wrong, seed, isError, history: [JSON.stringify(player.setup), ...steps] }
}
