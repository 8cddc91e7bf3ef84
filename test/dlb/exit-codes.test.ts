import { once } from 'node:events'
import t from 'tap'
import { get } from '../clients.ts'
import { cli, Lines, runCli, source, startNode } from '../programs.ts'
import { StandIn, supported } from './stand-in.ts'

const server = source('test/integration/fixtures/lifecycle.cjs')
const withDlb = ['run', server, '--workers', '2', '--device', 'dlb']

if (supported) testExitCodes(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testExitCodes(standIn: StandIn): void {
  t.test('a device that fails, and nothing in its place, ends the command with 1', async (t) => {
    // The first one is the probe, at the start.
    const env = standIn.env('fail=dlb_send:2+:EIO')
    const child = startNode([cli, ...withDlb, '--fallback-policy', 'none'], { env })
    t.teardown(() => child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    const lines = new Lines(child)
    const [, port] = await lines.until(/listening on .*:(\d+)/)
    await get(Number(port)).catch(() => undefined)
    t.same(await ended, [1, null])
    t.match(lines.text, /the device has failed: .*dlb_send EIO/)
  })

  const setUps = ['credits=0', 'ldb-ports=2', 'fail=dlb_create_sched_domain:1:EIO', 'fail=dlb_open:1+:EACCES']
  for (const settings of setUps) {
    t.test(`a device that cannot be set up, and nothing in its place, is no wrong use: ${settings}`, async (t) => {
      const { code, stderr } = await runCli([...withDlb, '--fallback-policy', 'none'], standIn.env(settings))
      t.equal(code, 1)
      t.match(stderr, /node-dlb: /)
    })
  }

  t.test('a device without credits is replaced', async (t) => {
    const child = startNode([cli, ...withDlb], { env: standIn.env('credits=0') })
    t.teardown(() => child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    const lines = new Lines(child)
    const [, port] = await lines.until(/listening on .*:(\d+)/)
    t.match(lines.text, /falls back to the software device: .*0 credits/)
    await get(Number(port))
    child.kill('SIGTERM')
    t.same(await ended, [0, null])
  })

  for (const call of ['dlb_reset_sched_domain', 'dlb_close']) {
    t.test(`a device that cannot be closed does not undo that all was served: ${call}`, async (t) => {
      const child = startNode([cli, ...withDlb], { env: standIn.env(`fail=${call}:1+:EIO`) })
      t.teardown(() => child.kill('SIGKILL'))
      const ended = once(child, 'close')
      const lines = new Lines(child)
      const [, port] = await lines.until(/listening on .*:(\d+)/)
      await get(Number(port))
      child.kill('SIGTERM')
      t.same(await ended, [0, null])
      t.match(lines.text, /all connections finished/)
      t.match(lines.text, new RegExp(`NodeDlbWarning: the device was not closed properly: close: ${call} EIO`))
    })
  }

  standIn.finish()
}
