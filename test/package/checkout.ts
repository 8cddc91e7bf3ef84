import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Outcome, runNode, source } from '../programs.ts'

const run = promisify(execFile)

const files: Record<string, string> = {
  'package-lock.json': JSON.stringify({ packages: { '': {}, 'node_modules/wanted': { version: '1.0.0' } } }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      module: 'nodenext',
      outDir: 'dist',
      rootDir: '.',
      incremental: true,
      tsBuildInfoFile: 'dist/.tsbuildinfo',
    },
    include: ['lib', 'test'],
  }),
  'lib/one.ts': 'export const one: number = 1\n',
  'lib/two.mts': 'export const two: number = 2\n',
  'lib/index.ts': "export { one } from './one.js'\n",
  'lib/device/index.ts': 'export {}\n',
  'lib/device/survey/program.ts': 'export {}\n',
  'lib/cli/main.ts': 'export {}\n',
  'lib/worker/start.ts': 'export {}\n',
  'lib/worker/bootstrap.ts': "import '../one.js'\n",
  'binding.gyp': "{ 'targets': [{ 'target_name': 'node_dlb', 'sources': ['native/addon.cc'] }] }",
  'native/addon.cc': '#include <node_api.h>\nNAPI_MODULE_INIT() { return exports; }\n',
  'node_modules/node-addon-api/package.json': '{ "version": "8.0.0" }',
  // Stands for npm: it installs what the lock file says, and says so.
  'bin/npm': '#!/bin/sh\necho "fake npm $*" >> npm.log\ncp package-lock.json node_modules/.package-lock.json\n',
}

/** A project like this one and much smaller, with this one's set-up scripts, and nothing built. */
export class Checkout {
  readonly folder: string
  readonly #env: NodeJS.ProcessEnv

  private constructor(folder: string) {
    this.folder = folder
    this.#env = { PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`, npm_execpath: '', CI: 'true' }
  }

  static async make(folder: string): Promise<Checkout> {
    const checkout = new Checkout(folder)
    for (const [name, text] of Object.entries(files)) await checkout.write(name, text)
    await chmod(path.join(folder, 'bin/npm'), 0o755)
    await cp(source('scripts'), path.join(folder, 'scripts'), { recursive: true })
    await writeFile(
      path.join(folder, 'run.mjs'),
      "import { setUp } from './scripts/setup/run.mjs'\nawait setUp({ tests: false })",
    )
    for (const name of ['typescript', 'node-gyp', 'esbuild']) {
      await symlink(source(`node_modules/${name}`), path.join(folder, 'node_modules', name))
    }
    return checkout
  }

  /** A copy in another folder, with all that was built. */
  async copyTo(folder: string): Promise<Checkout> {
    // By cp(1): Node's rounds the dates, of which the set-up reads one.
    await run('cp', ['-a', `${this.folder}/.`, folder])
    return new Checkout(folder)
  }

  async write(name: string, text: string): Promise<void> {
    const file = path.join(this.folder, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text)
  }

  setUp(env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return runNode([path.join(this.folder, 'run.mjs')], { ...this.#env, ...env })
  }
}
