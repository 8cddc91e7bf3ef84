import { casesOf, type Skipped } from './balancer/cases.ts'
import { trials } from './balancer/trials/index.ts'
import type { BenchOptions } from './command.ts'
import { shortDeviceCases } from './device/cases.ts'
import { type DeviceSuite, deviceSuite } from './device/suite.ts'
import type { Case } from './lib/rounds.ts'

/**
 * Seconds of the longest warm-up. V8 goes on compiling code that is used often for that time, which
 * costs a server as much CPU as some of its connections.
 */
const LONGEST_WARM_UP = 5

export interface Selection {
  readonly cases: readonly Case[]
  readonly skipped: readonly Skipped[]
  /** null if none of the device's trials is wanted. */
  readonly device: DeviceSuite | null
}

/**
 * Selects what the command line asks for.
 * @throws as `deviceSuite`
 */
export function select({ words, short, seconds, peers, device: deviceOptions }: BenchOptions): Selection {
  const wanted = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word))
  const wantedOfDevice = (name: string): boolean =>
    words.length === 0 && (short || peers.length > 0) ? short && shortDeviceCases.includes(name) : wanted(name)
  const scale = { seconds, warmUpSeconds: Math.min(LONGEST_WARM_UP, seconds / 2) }
  const found = trials.flatMap((trial) => casesOf(trial, { scale, short, peers })).filter(({ group }) => wanted(group))
  const device = deviceSuite(deviceOptions, wantedOfDevice)
  return {
    cases: [...found.flatMap(({ cases }) => cases), ...(device?.cases ?? [])],
    skipped: found.flatMap(({ skipped }) => skipped),
    device,
  }
}
