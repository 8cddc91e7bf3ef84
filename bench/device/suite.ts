import { type MeasuredOptions, measuredDevice } from '../lib/measured.ts'
import type { Case, Result } from '../lib/rounds.ts'
import { formatSpread } from '../lib/stats.ts'
import { deviceCases } from './cases.ts'
import { tellTrials } from './open.ts'
import { overheadPairs, prepareOverhead, ratioOf } from './overhead.ts'

export interface DeviceSuite {
  /** The title above its results. The stand-in is never called a device of DLB. */
  readonly name: string
  readonly facts: readonly string[]
  readonly cases: readonly Case[]
  /** Is called before the first run. */
  prepare(): void
  /** Returns lines that follow from the results. */
  conclude(results: readonly Result[]): string[]
}

/**
 * Returns the device's trials that are wanted; null if none is.
 * @throws NodeDlbError if the device does not open; Error if it is not what was required
 */
export function deviceSuite(options: MeasuredOptions, wanted: (name: string) => boolean): DeviceSuite | null {
  const named = (library: string | undefined): { cases: Case[]; pairs: ReturnType<typeof overheadPairs> } => {
    const pairs = overheadPairs(library).filter(({ addon, c }) => wanted(addon.name) || wanted(c.name))
    // The two of a pair run one after the other, so that what slows the machine meets both.
    const bound = pairs.flatMap(({ addon, c }) => [c, addon])
    return { cases: [...deviceCases, ...bound].filter(({ name }) => wanted(name)), pairs }
  }
  if (named(options.library).cases.length === 0) return null
  const measured = measuredDevice(options)
  tellTrials(measured.options)
  // On a DLB device the binding is measured over the same library.
  const { cases, pairs } = named(measured.options.library ?? options.library)
  const binding = pairs.length > 0 ? [`binding: ${pairs[0].library}`] : []
  return {
    name: measured.name,
    facts: [measured.name, ...measured.facts, ...binding],
    cases,
    prepare: () => {
      if (pairs.length > 0) prepareOverhead()
    },
    conclude: (results) =>
      pairs.flatMap((pair) => {
        const ratio = ratioOf(pair, results)
        return ratio ? [`addon / C, ${pair.name}: ${formatSpread(ratio, 2)} × the CPU time`] : []
      }),
  }
}
