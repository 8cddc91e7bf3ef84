import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bscLibrary, buildSim, selfTest, simLibrary } from './library.ts'

if (process.platform === 'linux' && process.arch === 'x64') {
  await buildSim()
  testSim()
} else {
  t.pass('libdlb is for Linux on x64')
}

function testSim(): void {
  t.test('the stand-in passes its self-test', async (t) => {
    const { status, stderr } = spawnSync(selfTest, { encoding: 'utf8' })
    const results = stderr.split('\n').filter((line) => /^(not )?ok - /.test(line))
    t.ok(results.length > 50, 'it ran')
    for (const line of results) t.ok(line.startsWith('ok'), line.replace(/^(not )?ok - /, ''))
    t.equal(status, 0, stderr)
  })

  t.test("the stand-in exports libdlb's symbols and its own, all of one version, and has no SONAME", async (t) => {
    const symbols = exported(simLibrary).filter((name) => name !== 'LIBDLB_1')
    t.ok(symbols.every((name) => /^dlb_[a-z_]+@@LIBDLB_1$/.test(name)))
    const names = symbols.map((name) => name.replace(/@.*/, ''))
    t.same(
      names.filter((name) => !name.startsWith('dlb_sim_')),
      declared('libdlb.h'),
    )
    t.same(
      names.filter((name) => name.startsWith('dlb_sim_')),
      declared('libdlb_sim.h'),
    )
    t.notMatch(run('readelf', ['-d', simLibrary]), /SONAME/)
    t.same(exported(bscLibrary), ['DLB_Finalize', 'DLB_Init'])
  })

  t.test('what a process leaves behind is a breach at its end', async (t) => {
    const folder = t.testdir()
    const file = join(folder, 'breaches')
    const env = { ...process.env, DLB_SIM_SHM_DIR: folder, DLB_SIM_SOCKET_DIR: folder, DLB_SIM_BREACH_FILE: file }
    const { status } = spawnSync(selfTest, ['--leak'], { env })
    t.equal(status, 0)
    t.same(readFileSync(file, 'utf8').trimEnd().split('\n'), [
      'breach: at exit: ldb port 9 of domain 31 is attached',
      'breach: at exit: domain 31 is attached',
      'breach: at exit: domain 31 is not reset',
      'breach: at exit: device 0 is not closed',
    ])
    const aborted = spawnSync(selfTest, ['--leak'], { env: { ...env, DLB_SIM_ABORT_ON_BREACH: '1' } })
    t.equal(aborted.signal, 'SIGABRT')
  })
}

function run(program: string, args: string[]): string {
  return spawnSync(program, args, { encoding: 'utf8' }).stdout
}

function exported(library: string): string[] {
  const lines = run('nm', ['-D', '--defined-only', library]).trimEnd().split('\n')
  return lines.map((line) => line.split(' ').at(-1) ?? '').sort()
}

/** The functions of a header, by their names. */
function declared(header: string): string[] {
  const text = readFileSync(new URL(`../../../native/sim/${header}`, import.meta.url), 'utf8')
  return [...text.matchAll(/^[a-z].*?\b(dlb_[a-z_]+)\(/gm)].map(([, name]) => name).sort()
}
