import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { closed, dial } from '../balancer/clients.ts'
import type { Report } from './fixtures/starving.ts'

const CLIENTS = 200
const script = fileURLToPath(new URL('./fixtures/starving.js', import.meta.url))

/**
 * The server with 96 descriptors at most. It has to be the hard limit too, to which Node raises the
 * soft one.
 */
function starve(t: Test, thieves = 0) {
  const command = 'ulimit -n 96 && exec "$0" "$@"'
  const child: ChildProcess = spawn('bash', ['-c', command, process.execPath, script, String(thieves)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const until = async (condition: (report: Report) => boolean): Promise<Report> => {
    for (;;) {
      const [report] = (await Promise.race([once(child, 'message'), exit])) as [Report]
      if (typeof report !== 'object') throw new Error(`the server ended with ${report}`)
      if (condition(report)) return report
    }
  }
  return { until, tell: (command: string) => child.send(command), exit }
}

const settled = ({ held, shed }: Report) => held + shed === CLIENTS

async function dialAll({ address }: Report): Promise<Socket[]> {
  return Array.from({ length: CLIENTS }, () => dial(address))
}

t.test('out of descriptors, a server sheds what it cannot hold, and accepts again when it can', async (t) => {
  const server = starve(t)
  const clients = await dialAll(await server.until(() => true))
  const full = await server.until(settled)
  t.ok(full.held > 32 && full.held < 96, `${full.held} connections are held`)
  t.equal(full.shed, CLIENTS - full.held)
  t.ok(full.backoffs >= 2, 'it waited before it shed any')

  const open = () => clients.filter((client) => !client.closed)
  while (open().length > full.held) await Promise.race(open().map(closed))
  server.tell('release')
  await Promise.all(clients.map(closed))
  await server.until(({ held }) => held === 0)

  const again = dial(full.address)
  t.match(await server.until(({ held }) => held > 0), { held: 1, shed: full.shed })
  server.tell('release')
  await closed(again)
  server.tell('exit')
  t.strictSame(await server.exit, [0, null])
})

t.test('while other threads take every descriptor that becomes free, it neither spins nor stalls', async (t) => {
  const server = starve(t, 2)
  const clients = await dialAll(await server.until(() => true))
  const starved = await server.until((report) => settled(report) || report.backoffs >= 12)
  // One that spins turns far more often than once in a millisecond.
  const { turns, milliseconds } = starved
  t.ok(turns < milliseconds, `the loop turned ${turns} times in ${Math.round(milliseconds)} ms`)
  server.tell('relent')
  const { shed, held } = await server.until(settled)
  t.comment(`${shed} shed, ${held} held, ${starved.shed} shed while starved`)
  server.tell('release')
  await Promise.all(clients.map(closed))
})

t.test('a process can exit while its acceptor waits for descriptors', async (t) => {
  const server = starve(t, 2)
  const clients = await dialAll(await server.until(() => true))
  await server.until(({ backoffs }) => backoffs > 0)
  server.tell('exit')
  t.strictSame(await server.exit, [0, null])
  await Promise.all(clients.map(closed))
})
