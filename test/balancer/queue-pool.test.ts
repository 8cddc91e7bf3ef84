import { setTimeout as later } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { QueuePool } from '../../lib/balancer/listeners/queue-pool.ts'
import type { QueueId } from '../../lib/device/device.ts'

/** Which queue a listener's connections go to, and which workers are to have links to it. */

const QUEUES = 8

interface Place {
  readonly name: number
  readonly priority: number
  readonly members: Set<number>
  queue: number | null
}

class World {
  readonly places: Place[] = []
  /** Given back, and not in use again since. */
  readonly drained = new Set<number>()
  moves = 0
  readonly pool = new QueuePool<Place>({
    domain: {
      queues: Array.from({ length: QUEUES }, (_, id): QueueId => ({ kind: 'load-balanced', id })),
      stopReclaiming: ({ id }) => this.drained.delete(id),
      reclaim: ({ id }) => this.drained.add(id),
    },
    onMoved: (place, queue) => {
      place.queue = queue?.id ?? null
      this.moves++
    },
    onLinks: () => undefined,
  })

  open(worker: number, priority = 0): Place {
    const place = { name: this.places.length, priority, members: new Set([worker]), queue: null }
    this.places.push(place)
    this.pool.place(place)
    return place
  }

  join(worker: number, place: Place): void {
    place.members.add(worker)
    this.pool.place(place)
  }

  leave(worker: number, place: Place): void {
    place.members.delete(worker)
    this.pool.place(place)
  }

  die(worker: number): void {
    this.pool.forget(worker)
    for (const place of this.places) if (place.members.delete(worker)) this.pool.place(place)
  }

  linked(place: Place): number[] {
    return [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((worker) =>
      this.pool.linksOf(worker).some(({ queue, priority }) => queue.id === place.queue && priority === place.priority),
    )
  }

  /**
   * Checks that no worker is dealt what it does not serve, and that none is left out once all has
   * settled.
   */
  check(t: Test, settled: boolean): void {
    const inUse = new Set<number>()
    for (const place of this.places) {
      const { queue, members } = place
      if (queue === null) continue
      inUse.add(queue)
      const linked = this.linked(place)
      if (!linked.every((worker) => members.has(worker))) t.fail(`${place.name}: ${linked} of ${[...members]}`)
      if (linked.length === 0) t.fail(`${place.name}: nobody is linked`)
      if (settled && linked.length !== members.size) t.fail(`${place.name}: only ${linked} of ${[...members]}`)
    }
    for (const queue of inUse) if (this.drained.has(queue)) t.fail(`queue ${queue} is in use and drained`)
    const without = this.places.filter(({ queue, members }) => queue === null && members.size > 0)
    if (settled && without.length > 0) t.equal(inUse.size, QUEUES, 'only for want of queues')
  }
}

const settled = (): Promise<void> => later(80)

t.test('a thousand listeners of the same workers have one queue, and nobody moves when a worker starts', (t) => {
  const world = new World()
  for (let i = 0; i < 1000; i++) world.open(0)
  const { moves } = world
  for (const worker of [1, 2, 3]) for (const place of world.places) world.join(worker, place)
  t.strictSame([...new Set(world.places.map(({ queue }) => queue))], [0])
  t.strictSame(world.linked(world.places[0]), [0, 1, 2, 3])
  t.equal(world.moves, moves)
  world.die(2)
  t.strictSame(world.linked(world.places[0]), [0, 1, 3])
  t.equal(world.moves, moves)
  t.end()
})

t.test('so have listeners that all workers open one after the other', (t) => {
  const world = new World()
  for (let i = 0; i < 100; i++) {
    const place = world.open(i % 3)
    for (const worker of [0, 1, 2]) world.join(worker, place)
  }
  t.equal(new Set(world.places.map(({ queue }) => queue)).size, 1)
  t.strictSame(world.linked(world.places[99]), [0, 1, 2])
  t.end()
})

t.test('a worker that has joined a few of them is dealt nothing at first, and theirs after a while', async (t) => {
  const world = new World()
  const [few, more] = [world.open(0), world.open(0)]
  world.join(1, few)
  t.strictSame(world.linked(few), [0])
  await settled()
  t.strictSame(world.linked(few), [0, 1])
  t.strictSame(world.linked(more), [0])
})

t.test('a worker that leaves one of them is dealt the others at once', (t) => {
  const world = new World()
  const [left, kept] = [world.open(0), world.open(0)]
  for (const place of world.places) world.join(1, place)
  world.leave(1, left)
  t.strictSame(world.linked(left), [0])
  t.strictSame(world.linked(kept), [0, 1])
  t.end()
})

t.test('priorities do not share', (t) => {
  const world = new World()
  const [first, last] = [world.open(0), world.open(0, 7)]
  t.not(first.queue, last.queue)
  t.strictSame(world.linked(last), [0])
  t.end()
})

t.test('sets of workers beyond the queues have none, until there is one', async (t) => {
  const world = new World()
  for (let worker = 0; worker < 10; worker++) world.open(worker)
  const without = (): number[] => world.places.filter(({ queue }) => queue === null).map(({ name }) => name)
  t.strictSame(without(), [8, 9])
  for (const place of world.places.slice(0, 2)) world.leave(place.name, place)
  await settled()
  t.strictSame(without(), [0, 1], 'who has no workers needs none')
})

t.test('whatever workers do, nobody is dealt what it does not serve, and nobody is left out', async (t) => {
  let seed = 12_345
  const below = (n: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 2 ** 32) * n)
  }
  for (let round = 0; round < 6; round++) {
    const world = new World()
    // At the end few kinds of workers: then there are queues for all.
    const workers = round % 2 === 0 ? 3 : 7
    for (let step = 0; step < 2000; step++) {
      const worker = below(workers)
      const place = world.places[below(world.places.length)]
      const what = below(20)
      if (!place || (what < 2 && world.places.length < 30)) world.open(worker, below(2) * 7)
      else if (what < 14) world.join(worker, place)
      else if (what < 19) world.leave(worker, place)
      else world.die(worker)
      world.check(t, false)
    }
    await settled()
    // Moves make queues free, for which there is another turn.
    await settled()
    world.check(t, true)
  }
})
