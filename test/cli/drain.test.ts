import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { type Answer, get, many } from '../clients.ts'
import { until } from '../deadline.ts'
import { cli, Lines, source } from '../programs.ts'

/** The command is told to end while 1,000 requests are in flight. */
const KEPT = 500
const NEW = 500

t.test(
  `SIGTERM with ${KEPT + NEW} requests in flight: all are answered, and told that the connection closes`,
  async (t) => {
    const entry = source('test/cli/fixtures/held.cjs')
    const child = spawn(process.execPath, [cli, 'run', entry, '-w', '3'], { stdio: ['pipe', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const lines = new Lines(child)
    const [, port] = await lines.until(/listening on .*:(\d+)\n/)
    const agents = Array.from({ length: KEPT }, () => new http.Agent({ keepAlive: true }))
    t.teardown(() => agents.forEach((agent) => void agent.destroy()))
    // These have had an answer, and wait for the next.
    await many(KEPT, 50, (i) => get(Number(port), '/', agents[i]))
    const idle = new http.Agent({ keepAlive: true })
    const freed = once(idle, 'free')
    await get(Number(port), '/', idle)
    const [idleSocket] = await freed
    const idleClosed = once(idleSocket, 'close')
    const answers = [
      ...agents.map((agent) => get(Number(port), '/held', agent)),
      ...Array.from({ length: NEW }, () => get(Number(port), '/held')),
    ]
    // The app says so for each.
    const held = (): number => lines.text.match(/^held$/gm)?.length ?? 0
    await until('all requests are held', () => held() === KEPT + NEW)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await lines.until(/SIGTERM: no new connections/)
    await idleClosed
    t.pass('an idle connection is closed while others are in flight')
    // Only now does the app answer.
    child.stdin.write('go\n')
    for (const { body, headers } of (await Promise.all(answers)) satisfies Answer[]) {
      if (body !== 'held' || headers.connection !== 'close') t.fail(`${body}, Connection: ${headers.connection}`)
    }
    t.strictSame(await exited, [0, null])
    t.match(lines.text, /all connections finished/)
  },
)
