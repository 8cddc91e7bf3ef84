import type { History, Sight, Step } from './history.ts'
import { Reference } from './reference.ts'

/** Ends a search that finds no way through a step. */
const mostTries = 20_000

export interface Wrong {
  readonly step: number
  readonly what: string
}

/**
 * Goes through a history with the reference model. What was scheduled in each step is known in hindsight, from what
 * the ports received later; there must be an order of a step's changes and schedulings that the contract allows.
 *
 * @returns what is wrong with the first wrong step, or null.
 */
export function check(history: History): Wrong | null {
  const { setup, steps, received } = history
  let model = new Reference(setup, history.events)
  const scheduled = received.map(() => 0)
  const taken = received.map(() => 0)
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
    const next = new Search(step, newcomers).from(model)
    if (next === null) return wrong(`these cannot have been scheduled so: ${describe(newcomers)}`)
    model = next
    for (const [p, list] of newcomers.entries()) scheduled[p] += list.length
    const difference = compare(step.sight, model.sight())
    if (difference !== '') return wrong(difference)
    const missing = step.idle === undefined ? [] : model.missing(step.idle)
    if (missing.length > 0) return wrong(`events ${missing} could have come`)
  }
  return null
}

/** Looks for an order of a step's changes and schedulings. */
class Search {
  readonly #step: Step
  readonly #newcomers: readonly (readonly number[])[]
  #tries = 0

  constructor(step: Step, newcomers: readonly (readonly number[])[]) {
    this.#step = step
    this.#newcomers = newcomers
  }

  from(model: Reference): Reference | null {
    return this.#go(
      model,
      0,
      this.#newcomers.map(() => 0),
    )
  }

  #go(model: Reference, changed: number, gone: readonly number[]): Reference | null {
    if (++this.#tries > mostTries) return null
    for (const [p, list] of this.#newcomers.entries()) {
      if (gone[p] === list.length || !model.mayGo(list[gone[p]], p)) continue
      const next = model.copy()
      next.schedule(list[gone[p]], p)
      const end = this.#go(next, changed, gone.with(p, gone[p] + 1))
      if (end !== null) return end
    }
    const open = gone.some((n, p) => n < this.#newcomers[p].length)
    const next = open ? model.copy() : model
    if (next.arrive()) return this.#go(next, changed, gone)
    if (changed === this.#step.changes.length) return open ? null : next
    return next.apply(this.#step.changes[changed]) ? this.#go(next, changed + 1, gone) : null
  }
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
