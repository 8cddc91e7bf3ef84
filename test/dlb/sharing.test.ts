import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runNode, source } from '../programs.ts'
import { simLibrary } from '../sim/library.ts'
import { StandIn, supported } from './stand-in.ts'

const fixture = fileURLToPath(new URL('./fixtures/domains.js', import.meta.url))
const settings = 'domain-server,dirty-stacks'

if (supported) testSharing(await StandIn.load())
else t.pass('libdlb is for Linux on x64')

function testSharing(standIn: StandIn): void {
  t.test('the thread that shares a domain has a stack that no thread had before', async (t) => {
    const { code, signal, stdout, stderr } = await runNode([fixture], standIn.env(settings))
    t.strictSame({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    t.equal(stdout, 'done\n', 'the device had nothing to complain of')
  })

  t.test('on the stack of a thread that has ended, attaching would crash', async (t) => {
    const folder = mkdtempSync(path.join(standIn.folder, 'attach-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const program = path.join(folder, 'attach')
    execFileSync(process.env.CC ?? 'cc', ['-o', program, source('test/dlb/fixtures/attach.c'), '-ldl'])
    const env = { ...process.env, ...standIn.env(settings), DLB_SIM_SHM_DIR: folder, DLB_SIM_SOCKET_DIR: folder }
    t.equal(spawnSync(program, [simLibrary], { env }).signal, 'SIGSEGV')
    const { stdout } = spawnSync(program, [simLibrary], { env: { ...env, DLB_SIM: 'domain-server' }, encoding: 'utf8' })
    t.equal(stdout, 'attached\n', 'and on another it does not')
  })

  standIn.finish()
}
