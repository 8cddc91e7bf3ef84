import { Worker } from 'node:worker_threads'
import type { Test } from 'tap'
import type { Port } from '../../lib/device/device.ts'
import { until } from '../deadline.ts'
import type { Life, Way } from './readable-thread.ts'
import { numbered, type Open, quiet, range, World } from './world.ts'

/** A thread in which nothing is left but the port. */
class Lonely {
  readonly w: World
  readonly words: (string | number)[] = []
  readonly port: Port
  readonly errors: string[] = []
  #ended = false

  constructor(t: Test, open: Open, way: Way) {
    this.w = new World(t, open, { directed: [{ cqDepth: 8 }] })
    this.port = this.w.directed[0]
    this.port.detach()
    const life: Life = { token: this.w.domain.share(), port: this.port.id, way }
    const worker = new Worker(new URL('./readable-thread.js', import.meta.url), { workerData: life, execArgv: [] })
    worker.on('message', (word) => this.words.push(word))
    worker.on('error', (error) => this.errors.push((error as Error).message))
    worker.once('exit', () => {
      this.#ended = true
    })
    t.teardown(() => worker.terminate())
  }

  send(count: number, first = 0): Promise<void> {
    return this.w.send(numbered(count, { queue: this.w.directedQueues[0] }, first))
  }

  end(): Promise<void> {
    return until('the thread ends', () => this.#ended)
  }

  async said(...words: (string | number)[]): Promise<void> {
    await until(`the thread says ${words}`, () => this.words.length >= words.length || this.errors.length > 0)
  }
}

export function loops(t: Test, open: Open): void {
  for (const way of ['held', 'held again'] as const) {
    t.test(`the callback holds the loop open (${way}), until the domain is closed`, async (t) => {
      const l = new Lonely(t, open, way)
      await l.said('ready')
      for (let i = 0; i < 3; i++) {
        await quiet()
        await l.send(1, i)
        await l.said('ready', ...range(0, i + 1))
      }
      l.w.domain.close()
      await l.end()
      t.same(l.words, ['ready', 0, 1, 2, 'nothing to do'])
    })
  }

  for (const way of ['unheld', 'stopped', 'detached'] as const) {
    t.test(`a port that is ${way} does not hold the loop open`, async (t) => {
      const l = new Lonely(t, open, way)
      await l.end()
      t.same([l.words, l.errors], [['ready', 'nothing to do'], []])
    })
  }

  t.test('what the callback throws is an uncaught exception, as from any other callback', async (t) => {
    const l = new Lonely(t, open, 'throws')
    await l.said('ready')
    await l.send(2)
    await l.end()
    t.same([l.words, l.errors], [['ready', 0], ['thrown for 1']])
  })

  t.test('and where such exceptions are handled, it is called on', async (t) => {
    const l = new Lonely(t, open, 'throws and goes on')
    await l.said('ready')
    await l.send(2)
    await l.said('ready', 0, 'thrown for 1', 1, 'thrown for 1')
    l.w.domain.close()
    await l.end()
    t.same([l.words, l.errors], [['ready', 0, 'thrown for 1', 1, 'thrown for 1', 'nothing to do'], []])
  })
}
