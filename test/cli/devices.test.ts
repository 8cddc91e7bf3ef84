import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import type { DevicesReport } from '../../lib/device/survey/report.ts'
import { type Outcome, runCli, source } from '../programs.ts'
import { bscLibrary, buildSim, simLibrary } from '../sim/library.ts'

const env = { NODE_DLB_DEVICE: undefined, NODE_DLB_LIBRARY: undefined, DLB_SIM: undefined }

function devices(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return runCli(['devices', ...args], { ...env, ...more })
}

async function report(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<DevicesReport> {
  const { stdout, stderr, code } = await devices(['--json', ...args], more)
  if (code !== 0 || stderr !== '') throw new Error(`exit code ${code}: ${stderr}`)
  return JSON.parse(stdout) as DevicesReport
}

t.test('wrong use', async (t) => {
  for (const args of [['--id', '64'], ['--id', 'x'], ['0'], ['--table']]) {
    t.match(await devices(args), { code: 2, stdout: '', stderr: /^error: / }, args.join(' '))
  }
  t.match(await devices(['--help']), { code: 0, stdout: /--json .*--library .*--id /s })
})

t.test('without the addon it tells of the machine, and how to build the addon', async (t) => {
  const missing = { NODE_DLB_PREBUILD: path.join(tmpdir(), 'nothing-here') }
  if (process.platform === 'linux' && process.arch === 'x64') {
    const { problems, library } = await report([], missing)
    t.match(library, { file: null, error: { code: 'ERR_DLB_ADDON_UNAVAILABLE' } })
    t.match(problems, [{ about: 'addon', fix: /npm run build:addon/ }])
  }
  t.match(await devices([], missing), { code: 0, stdout: /^auto +the software device: /m })
})

if (process.platform === 'linux' && process.arch === 'x64') {
  await buildSim()
  testWithLibraries()
}

function testWithLibraries(): void {
  t.test('the devices of the stand-in, which is said first', async (t) => {
    const found = await report(['--library', simLibrary], { DLB_SIM: 'devices=0+3,version=2.0,ldb-ports=4' })
    t.match(found, { hardware: false, library: { file: simLibrary, standIn: true, error: null } })
    t.match(found.devices, [
      { id: 0, version: 'DLB 2.0 (stand-in)', standIn: true, error: null, capabilities: { combinedCredits: false } },
      { id: 3, resources: { domains: 32, loadBalancedPorts: 4, directedPorts: 64, credits: 8192 } },
    ])
    t.match(found.auto, { kind: 'dlb', id: 0, reason: 'auto found it' })
    t.equal(found.software?.resources.domains, 32)
    const { stdout } = await devices([], { NODE_DLB_LIBRARY: simLibrary, DLB_SIM: 'devices=0+3' })
    t.match(stdout, /^The library is the stand-in for libdlb: not the device\./)
    t.match(stdout, /^dlb3 +DLB 2\.5 \(stand-in\) +32 +32 +64 +96 +2048 +16384 +32$/m)
    t.match(stdout, /^auto +dlb device 0, DLB 2\.5 \(stand-in\): auto found it$/m)
    t.same(
      stdout.split('\n').filter((line) => line.length > 100 && !line.includes(simLibrary)),
      [],
    )
  })

  t.test('nothing free', async (t) => {
    for (const [settings, what] of [
      ['domains=0', 'domain'],
      ['ldb-ports=0', 'load-balanced port'],
    ]) {
      const { problems } = await report(['--library', simLibrary], { DLB_SIM: settings })
      t.match(problems, [{ about: 'resources', problem: `dlb device 0 has no ${what} left` }])
    }
  })

  t.test('a device that does not open, and one in place of the one asked for', async (t) => {
    const refused = await report(['--library', simLibrary], { DLB_SIM: 'devices=1,open=EACCES' })
    t.match(refused.devices, [{ id: 1, version: null, resources: null, error: { errno: 'EACCES' } }])
    t.match(refused.auto, { kind: 'software', reason: /^instead of DLB: \/dev\/dlb1 cannot be opened/ })
    t.match(refused.problems, [{ about: 'device', problem: /dlb1 cannot be opened/, fix: /permission/ }])
    const other = await report(['--library', simLibrary, '--id', '0'], { DLB_SIM: 'devices=3' })
    const reason = 'dlb device 0 is not found, use dlb device 3 instead'
    t.match(other, { devices: [{ id: 3 }], auto: { kind: 'dlb', id: 3, reason }, problems: [{ problem: reason }] })
    const none = await report(['--library', simLibrary], { DLB_SIM: 'devices=none' })
    t.match(none, { devices: [], problems: [{ fix: /DLB_SIM/ }] })
  })

  t.test('another library of that name, and none', async (t) => {
    const { problems, auto } = await report(['--library', bscLibrary])
    t.equal(auto?.kind, 'software')
    const about = problems.find((problem) => problem.about === 'library')
    t.match(about, { problem: /Barcelona Supercomputing Center/, fix: /dlb_linux_src_release/ })
    const { stdout, code } = await devices([], { NODE_DLB_LIBRARY: '/nowhere/libdlb.so' })
    t.equal(code, 0)
    t.match(stdout, /^library +none: \/nowhere\/libdlb\.so: cannot open/m)
    t.match(stdout, /^\d\. libdlb cannot be used: [^>]*\n {3}-> build it from/m)
  })

  t.test('what NODE_DLB_DEVICE changes is told', async (t) => {
    t.equal((await report([], { NODE_DLB_DEVICE: 'software' })).environment.NODE_DLB_DEVICE, 'software')
    const { stdout } = await devices(['--library', simLibrary], { NODE_DLB_DEVICE: 'software' })
    t.match(stdout, /^auto +dlb device 0, .*\n +NODE_DLB_DEVICE=software replaces auto/m)
  })

  t.test('what a library prints, or does, leaves the JSON whole', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'node-dlb-noisy-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const library = path.join(folder, 'libdlb.so')
    const compile = ['-shared', '-fPIC', '-o', library, source('test/cli/fixtures/noisy.c')]
    execFileSync(process.env.CC ?? 'cc', compile)
    const noisy = await report(['--library', library])
    t.strictSame(noisy.printed, ['{ noise on stdout'])
    t.match(noisy.library, { error: { message: /has no dlb_open/ } })
    const ended = await report(['--library', library], { NOISY_ABORTS: '1' })
    t.match(ended, { library: null, devices: [], auto: null, problems: [{ problem: /ended early \(SIGABRT\)/ }] })
    t.match((await devices(['--library', library], { NOISY_ABORTS: '1' })).stdout, /^auto +not known$/m)
  })
}
