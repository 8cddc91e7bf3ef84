import type { Change, Event, Setup, Sight } from './history.ts'

/** A place in an ordered queue: an event that was scheduled, and what its completion left. */
interface Place {
  readonly event: number
  readonly done: boolean
  readonly successor: number
}

/**
 * What the contract says, as plain lists. It does not choose: it says whether what a device chose
 * is among the choices that the contract leaves.
 */
export class Reference {
  readonly #setup: Setup
  readonly #events: readonly Event[]
  /** By queue, in the order in which they came to it. */
  readonly #waiting: number[][]
  readonly #cqs: number[][]
  readonly #held: number[][]
  readonly #enabled: boolean[]
  /** By port and queue; −1: not linked. */
  readonly #links: number[][]
  readonly #places: Place[][]
  /** Ordered successors whose turn has come. */
  readonly #arriving: number[] = []

  constructor(setup: Setup, events: readonly Event[]) {
    const ports = setup.ports.length + setup.sinks + 1
    const queues = setup.queues.length + setup.sinks + 1
    const lists = (n: number): number[][] => Array.from({ length: n }, () => [])
    this.#setup = setup
    this.#events = events
    this.#waiting = lists(queues)
    this.#cqs = lists(ports)
    this.#held = lists(ports)
    this.#enabled = new Array<boolean>(ports).fill(true)
    this.#links = setup.ports.map(() => new Array<number>(setup.queues.length).fill(-1))
    this.#places = setup.queues.map(() => [])
  }

  copy(): Reference {
    const copy = new Reference(this.#setup, this.#events)
    const both = <T>(to: T[][], from: T[][]): void => {
      for (const [i, list] of from.entries()) to[i].push(...list)
    }
    both(copy.#waiting, this.#waiting)
    both(copy.#cqs, this.#cqs)
    both(copy.#held, this.#held)
    both(copy.#places, this.#places)
    copy.#enabled.splice(0, copy.#enabled.length, ...this.#enabled)
    for (const [p, row] of this.#links.entries()) copy.#links[p].splice(0, row.length, ...row)
    copy.#arriving.push(...this.#arriving)
    return copy
  }

  /** Equal for models that nothing can tell apart. */
  key(): string {
    return JSON.stringify([
      this.#waiting,
      this.#cqs,
      this.#held,
      this.#enabled,
      this.#links,
      this.#places,
      this.#arriving,
    ])
  }

  /** @returns whether an ordered successor was on its way, and has come to its queue now. */
  arrive(): boolean {
    const event = this.#arriving.shift()
    if (event === undefined) return false
    this.#waiting[this.#events[event].queue].push(event)
    return true
  }

  /** @returns false if that cannot be. */
  apply(change: Change): boolean {
    switch (change.kind) {
      case 'arrive':
        this.#waiting[this.#events[change.event].queue].push(change.event)
        return true
      case 'take':
        return this.#take(change.port, change.event)
      case 'complete':
        return this.#complete(change.port, change.successor)
      case 'link':
        this.#links[change.port][change.queue] = change.priority
        return true
      case 'enable':
        this.#enabled[change.port] = change.enabled
        return true
    }
  }

  /** Whether the event may be the next one scheduled, and to this port. */
  mayGo(event: number, port: number): boolean {
    const { queue, type, priority } = this.#events[event]
    if (!this.#waiting[queue].includes(event)) return false
    const takers = this.#takers(event)
    if (!takers.includes(port) || !this.#isFirstOfItsList(event)) return false
    if (type === 'directed') return this.#waiting[queue].every((other) => this.#events[other].priority >= priority)
    const least = Math.min(...takers.map((p) => this.#load(p)))
    return this.#load(port) === least && !this.#isOvertaken(this.#keys(event, takers)[0])
  }

  schedule(event: number, port: number): void {
    const { queue, type } = this.#events[event]
    this.#waiting[queue].splice(this.#waiting[queue].indexOf(event), 1)
    this.#cqs[port].push(event)
    if (type === 'ordered') this.#places[queue].push({ event, done: false, successor: -1 })
  }

  /** Events that the port could have, and has not. */
  missing(port: number): number[] {
    return this.#waiting.flatMap((list) => list.filter((e) => this.#isFirst(e) && this.#takers(e).includes(port)))
  }

  sight(): Omit<Sight, 'creditsFree'> {
    const lengths = (lists: number[][]): number[] => lists.map((list) => list.length)
    return {
      depths: lengths(this.#waiting),
      queued: lengths(this.#cqs),
      loads: this.#cqs.map((_, p) => this.#load(p)),
      unreleased: lengths(this.#held),
    }
  }

  #take(port: number, event: number): boolean {
    if (this.#cqs[port].shift() !== event) return false
    if (port < this.#setup.ports.length) this.#held[port].push(event)
    return true
  }

  #complete(port: number, successor: number): boolean {
    const event = this.#held[port].shift()
    if (event === undefined) return false
    const { queue, type } = this.#events[event]
    if (type !== 'ordered') {
      if (successor >= 0) this.#arriving.push(successor)
      return true
    }
    const places = this.#places[queue]
    const at = places.findIndex((place) => place.event === event)
    places[at] = { event, done: true, successor }
    while (places[0]?.done) {
      const first = places.shift()
      if (first !== undefined && first.successor >= 0) this.#arriving.push(first.successor)
    }
    return true
  }

  #load(port: number): number {
    return this.#cqs[port].length + this.#held[port].length
  }

  #hasRoom(port: number): boolean {
    const { ports } = this.#setup
    if (!this.#enabled[port]) return false
    if (port >= ports.length) return this.#cqs[port].length < 8
    return this.#cqs[port].length < ports[port].cqDepth && this.#load(port) < ports[port].eventStateEntries
  }

  /** The ports that can take the event, were it the first of its list. */
  #takers(event: number): number[] {
    const { queue, type } = this.#events[event]
    const { queues, ports } = this.#setup
    if (type === 'directed') {
      const consumer = ports.length + queue - queues.length
      return this.#hasRoom(consumer) ? [consumer] : []
    }
    if (type === 'ordered' && this.#places[queue].length >= queues[queue]) return []
    const pinned = type === 'atomic' ? this.#portOfFlow(event) : -1
    const takers: number[] = []
    for (let p = 0; p < ports.length; p++) {
      if ((pinned < 0 || pinned === p) && this.#links[p][queue] >= 0 && this.#hasRoom(p)) takers.push(p)
    }
    return takers
  }

  #portOfFlow(event: number): number {
    for (let p = 0; p < this.#setup.ports.length; p++) {
      const isOfFlow = (other: number): boolean => this.#sameFlow(event, other)
      if (this.#cqs[p].some(isOfFlow) || this.#held[p].some(isOfFlow)) return p
    }
    return -1
  }

  #sameFlow(one: number, other: number): boolean {
    const [a, b] = [this.#events[one], this.#events[other]]
    return a.type === 'atomic' && b.type === 'atomic' && a.queue === b.queue && a.flow === b.flow
  }

  /**
   * Whether the event is the first of its queue's unordered or ordered events with its priority, or
   * of its flow's with its priority.
   */
  #isFirstOfItsList(event: number): boolean {
    const { queue, type, priority } = this.#events[event]
    for (const other of this.#waiting[queue]) {
      if (other === event) return true
      const o = this.#events[other]
      if (o.priority === priority && o.type === type && (type !== 'atomic' || this.#sameFlow(event, other)))
        return false
    }
    return false
  }

  /** Nobody can say that another event has to go before it. */
  #isFirst(event: number): boolean {
    if (this.#events[event].type !== 'atomic') return this.#isFirstOfItsList(event)
    return this.#waiting[this.#events[event].queue].find((other) => this.#sameFlow(event, other)) === event
  }

  /**
   * The best and the worst priority that the event has by its link to one of the ports, and its
   * own.
   */
  #keys(event: number, takers: readonly number[]): [number, number] {
    const { queue, priority } = this.#events[event]
    const keys = takers.map((p) => this.#links[p][queue] * 8 + priority)
    return [Math.min(...keys), Math.max(...keys)]
  }

  /**
   * Whether another event must go before one with this key, by whatever link it goes. A queue
   * offers one of its events with the best priority of their own; the links do not count for that
   * choice. If several events have the best priority, the device may offer any of them, so only the
   * worst key among them is certain. Their links differ if the flow of one is at a port, and
   * another can go to any port.
   */
  #isOvertaken(key: number): boolean {
    for (let q = 0; q < this.#setup.queues.length; q++) {
      if (this.#isNoBetter(q, key)) continue
      let best = 8
      let worstKey = 0
      for (const other of this.#waiting[q]) {
        const { priority } = this.#events[other]
        if (priority > best || !this.#isFirst(other)) continue
        const takers = this.#takers(other)
        if (takers.length === 0) continue
        const [, worst] = this.#keys(other, takers)
        worstKey = priority < best ? worst : Math.max(worst, worstKey)
        best = priority
      }
      if (best < 8 && worstKey < key) return true
    }
    return false
  }

  /**
   * Spares most of the work: nothing of the queue has a better priority of its own, and no link to
   * it is better.
   */
  #isNoBetter(queue: number, key: number): boolean {
    const isBetter = this.#waiting[queue].some((other) => this.#events[other].priority < (key & 7))
    return !isBetter && !this.#links.some((row) => row[queue] >= 0 && row[queue] < key >> 3)
  }
}
