import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { loadAddon } from '../../lib/native.ts'

const { openWaker, wake, closeWaker } = loadAddon()
const fixture = new URL('./fixtures/waking-worker.js', import.meta.url)

t.test('calls back on its own loop, once for what came before', async (t) => {
  let calls = 0
  const called = new Promise<void>((resolve) => {
    const waker = openWaker(() => {
      calls++
      closeWaker(waker)
      resolve()
    })
    t.ok(waker > 0)
    for (let i = 0; i < 3; i++) wake(waker)
    t.equal(calls, 0, 'not within the call')
  })
  const alive = setInterval(() => undefined, 1000)
  await called
  clearInterval(alive)
  await turn()
  t.equal(calls, 1)
})

t.test('a waker that is closed, or never was, is not called', async (t) => {
  const waker = openWaker(() => t.fail('called'))
  wake(waker)
  closeWaker(waker)
  closeWaker(waker)
  wake(waker)
  wake(0)
  wake(2 ** 31)
  await turn()
  await turn()
  t.not(openAndClose(), waker, 'its number is not used again')
})

t.test(
  "another thread's: is woken, is not closed, and closes when that ends, whoever wakes it meanwhile",
  async (t) => {
    for (const end of ['exits', 'is terminated']) {
      const sleeper = new Worker(fixture, { workerData: { role: 'sleeps' } })
      const [waker] = (await once(sleeper, 'message')) as [number]
      closeWaker(waker)
      const callers = Array.from({ length: 2 }, () => new Worker(fixture, { workerData: { role: 'wakes', waker } }))
      await Promise.all(callers.map((caller) => once(caller, 'message')))
      const [woken] = await once(sleeper, 'message')
      t.equal(woken, 'woken')
      const gone = once(sleeper, 'exit')
      if (end === 'exits') sleeper.postMessage('exit')
      else void sleeper.terminate()
      await gone
      wake(waker)
      const stopped = callers.map((caller) => once(caller, 'exit'))
      for (const caller of callers) caller.postMessage('stop')
      await Promise.all(stopped)
    }
  },
)

t.test('an error in the callback is an uncaught exception of its thread', async (t) => {
  const thrower = new Worker(fixture, { workerData: { role: 'throws' } })
  const [error] = (await once(thrower, 'error')) as [Error]
  t.equal(error.message, 'thrown when woken')
})

function openAndClose(): number {
  const waker = openWaker(() => undefined)
  closeWaker(waker)
  return waker
}
