/** Figures by name. The names say the unit. */
export type Figures = Record<string, number>

/** The result of one run. */
export interface Sample {
  readonly figures: Figures
  /** Latencies by name, as Latencies encodes them. */
  readonly latencies?: Readonly<Record<string, string>>
  /** The series of what changed in the course of the run, by name. */
  readonly series?: Readonly<Record<string, readonly Point[]>>
}

export type Point = readonly [x: number, y: number]

/** A case is run and compared with others: a trial with one peer or one setting. */
export interface Case {
  /** Cases of a group are shown side by side. */
  readonly group: string
  /** Unique among all. */
  readonly name: string
  /**
   * Whether it runs in a first round that is not counted, because nothing in it warms up by itself.
   */
  readonly warmUpRound: boolean
  run(): Promise<Sample>
}

export interface Result {
  readonly group: string
  readonly name: string
  readonly samples: Sample[]
  /** Why the case was given up; null if it was not. */
  failure: string | null
}

/**
 * Runs each case `rounds` times, in turn, so that a change of the machine's speed meets all of
 * them. Every other round goes from the last to the first, so that what one leaves behind does not
 * always meet the same. A case that fails is not tried again, and the others go on.
 */
export async function runRounds(
  cases: readonly Case[],
  rounds: number,
  progress: (line: string) => void,
  afterRound: (results: readonly Result[]) => void = () => undefined,
): Promise<Result[]> {
  const results = cases.map(({ group, name }): Result => ({ group, name, samples: [], failure: null }))
  const first = cases.some(({ warmUpRound }) => warmUpRound) ? 0 : 1
  for (let round = first; round <= rounds; round++) {
    const order = cases.map((one, i) => ({ one, result: results[i] }))
    if (round > 0 && round % 2 === 0) order.reverse()
    for (const [i, { one, result }] of order.entries()) {
      if (result.failure !== null || (round === 0 && !one.warmUpRound)) continue
      progress(`round ${round}/${rounds}, ${i + 1}/${cases.length}: ${one.name}`)
      await runInto(result, one, round > 0)
    }
    afterRound(results)
  }
  return results
}

async function runInto(result: Result, one: Case, counted: boolean): Promise<void> {
  try {
    const sample = await one.run()
    if (counted) result.samples.push(sample)
  } catch (error) {
    result.failure = (error as Error).message
  }
}
