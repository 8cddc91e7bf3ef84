import type { History, Sight, Step } from './history.ts'
import { Reference } from './reference.ts'

/** Ends a search that finds no way through a step. */
const mostTries = 20_000

export interface Wrong {
  readonly step: number
  readonly what: string
}

/**
 * Goes through a history with the reference model. What was scheduled in each step is known in
 * hindsight, from what the ports received later; there must be an order of each step's changes and
 * schedulings that the contract allows. A later step may show that it was another one: then that is
 * gone on from.
 *
 * @returns what is wrong with the first step that no way leads through, or null.
 */
export function check(history: History): Wrong | null {
  const moments = momentsOf(history)
  if (!Array.isArray(moments)) return moments
  return new Walk(moments).from(new Reference(history.setup, history.events), 0)
}

/** A step, and what became scheduled in it, by port. */
interface Moment {
  readonly step: Step
  readonly newcomers: readonly (readonly number[])[]
}

/** @returns what is wrong with the credits, whatever was scheduled when. */
function momentsOf({ setup, steps, received }: History): Moment[] | Wrong {
  const scheduled = received.map(() => 0)
  const taken = received.map(() => 0)
  const moments: Moment[] = []
  let inUse = 0
  for (const [i, step] of steps.entries()) {
    const wrong = (what: string): Wrong => ({ step: i, what })
    const { offer } = step
    if (offer && offer.taken !== Math.min(offer.offered, setup.credits - inUse)) {
      return wrong(`${offer.taken} of ${offer.offered} events were taken; ${setup.credits - inUse} credits were free`)
    }
    for (const change of step.changes) if (change.kind === 'take') taken[change.port]++
    inUse += (offer?.taken ?? 0) - step.changes.filter((change) => change.kind === 'take').length
    const { creditsFree } = step.sight
    if (creditsFree < 0 || creditsFree > setup.credits - inUse) return wrong(`${creditsFree} credits are free`)
    const newcomers = received.map((list, p) => list.slice(scheduled[p], taken[p] + step.sight.queued[p]))
    for (const [p, list] of newcomers.entries()) scheduled[p] += list.length
    moments.push({ step, newcomers })
  }
  return moments
}

/** Goes back to the last choice when it comes to no end. */
class Walk {
  readonly #moments: readonly Moment[]

  constructor(moments: readonly Moment[]) {
    this.#moments = moments
  }

  /** @returns what is wrong with the farthest step that was reached, or null. */
  from(model: Reference, i: number): Wrong | null {
    const moment = this.#moments[i]
    if (!moment) return null
    let farthest: Wrong | null = null
    const seen = new Set<string>()
    for (const end of new Search(moment).ends(model)) {
      const key = end.key()
      if (seen.has(key)) continue
      seen.add(key)
      const what = fault(moment.step, end)
      const wrong = what === '' ? this.from(end, i + 1) : { step: i, what }
      if (wrong === null) return null
      if (farthest === null || wrong.step > farthest.step) farthest = wrong
    }
    return farthest ?? { step: i, what: `these cannot have been scheduled so: ${describe(moment.newcomers)}` }
  }
}

/** Looks for the orders of a step's changes and schedulings. */
class Search {
  readonly #step: Step
  readonly #newcomers: readonly (readonly number[])[]
  #tries = 0

  constructor({ step, newcomers }: Moment) {
    this.#step = step
    this.#newcomers = newcomers
  }

  /** The model after each of them. */
  ends(model: Reference): Generator<Reference> {
    return this.#go(
      model,
      0,
      this.#newcomers.map(() => 0),
    )
  }

  *#go(model: Reference, changed: number, gone: readonly number[]): Generator<Reference> {
    if (++this.#tries > mostTries) return
    for (const [p, list] of this.#newcomers.entries()) {
      if (gone[p] === list.length || !model.mayGo(list[gone[p]], p)) continue
      const next = model.copy()
      next.schedule(list[gone[p]], p)
      yield* this.#go(next, changed, gone.with(p, gone[p] + 1))
    }
    const open = gone.some((n, p) => n < this.#newcomers[p].length)
    const next = open ? model.copy() : model
    if (next.arrive()) yield* this.#go(next, changed, gone)
    else if (changed < this.#step.changes.length) {
      if (next.apply(this.#step.changes[changed])) yield* this.#go(next, changed + 1, gone)
    } else if (!open) yield next
  }
}

/** How the model differs from what was seen after the step; '' if it does not. */
function fault(step: Step, model: Reference): string {
  const difference = compare(step.sight, model.sight())
  if (difference !== '') return difference
  const missing = step.idle === undefined ? [] : model.missing(step.idle)
  return missing.length > 0 ? `events ${missing} could have come` : ''
}

function compare(seen: Sight, model: Omit<Sight, 'creditsFree'>): string {
  for (const name of ['depths', 'queued', 'loads', 'unreleased'] as const) {
    if (String(seen[name]) !== String(model[name])) return `${name}: ${seen[name]}, expected ${model[name]}`
  }
  return ''
}

function describe(newcomers: readonly (readonly number[])[]): string {
  return newcomers.flatMap((list, p) => (list.length === 0 ? [] : [`${list} to port ${p}`])).join('; ')
}
