import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { type DlbDevice, openDlbDevice } from '../../lib/device/index.ts'
import { source } from '../programs.ts'
import { buildSim, simLibrary } from '../sim/library.ts'

interface Control {
  control(library: string, command: string): string
  breaches(library: string): string
}

/** Where libdlb is: the tests of the DLB device need a system that it is for. */
export const supported = process.platform === 'linux' && process.arch === 'x64'

/**
 * The stand-in for libdlb in this process. One for a test file: the library reads its settings
 * once.
 */
export class StandIn {
  /** Where the domains' files are. */
  readonly folder: string
  readonly #control: Control

  static async load(settings = ''): Promise<StandIn> {
    await buildSim()
    return new StandIn(settings)
  }

  private constructor(settings: string) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'node-dlb-stand-in-'))
    const built = mkdtempSync(path.join(tmpdir(), 'node-dlb-control-'))
    Object.assign(process.env, this.env(settings))
    const file = path.join(built, 'control.node')
    execFileSync(process.env.CC ?? 'cc', [
      '-shared',
      '-fPIC',
      '-o',
      file,
      source('test/dlb/fixtures/control.c'),
      '-ldl',
    ])
    this.#control = createRequire(import.meta.url)(file) as Control
    t.teardown(() => {
      for (const folder of [this.folder, built]) rmSync(folder, { recursive: true })
    })
  }

  /** The last of a file's tests. `expected`: breaches that its faults bring with them. */
  finish(expected = /^$/): void {
    t.test("libdlb's rules were kept, and nothing is left of the domains", async (t) => {
      t.same(
        this.breaches().filter((breach) => !expected.test(breach)),
        [],
      )
      t.same(this.files(), [])
    })
  }

  /** For this process, or for another one. */
  env(settings = ''): NodeJS.ProcessEnv {
    return {
      NODE_DLB_LIBRARY: simLibrary,
      DLB_SIM: settings,
      DLB_SIM_SHM_DIR: this.folder,
      DLB_SIM_SOCKET_DIR: this.folder,
    }
  }

  /** Opens a device that the test's end closes, unless it is closed by then. */
  open(t: Test, id?: number): DlbDevice {
    const device = openDlbDevice(id === undefined ? {} : { id })
    t.teardown(() => device.close())
    return device
  }

  /** A command of native/sim/README.md. */
  control(command: string): void {
    const wrong = this.#control.control(simLibrary, command)
    if (wrong !== '') throw new Error(`${command}: ${wrong}`)
  }

  breaches(): string[] {
    const lines = this.#control.breaches(simLibrary).split('\n')
    return lines.filter((line) => line !== '')
  }

  files(): string[] {
    return readdirSync(this.folder)
  }
}
