import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Outcome, runNode, source } from '../programs.ts'

const run = promisify(execFile)

/** A project with the package in its node_modules, as a user's `npm install` leaves it. */
export interface Project {
  readonly folder: string
  /** The package's own folder in it. */
  readonly installed: string
  /** The packed files, relative to the package. */
  readonly files: readonly string[]
}

/**
 * Packs the package, unpacks it into `folder`, and links what it depends on, and nothing else,
 * beside it: without a network, and with what is missing from `dependencies` or `files` missing
 * there, too.
 */
export async function installInto(folder: string, linked: readonly string[] = []): Promise<Project> {
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=silent', '--pack-destination', folder]
  const { stdout } = await run('npm', args, { cwd: source('.') })
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  const installed = path.join(folder, 'node_modules/node-dlb')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', path.join(folder, filename), '-C', installed, '--strip-components=1'])
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }')
  const { dependencies } = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8'))
  for (const name of [...Object.keys(dependencies), ...linked]) {
    const place = path.join(folder, 'node_modules', name)
    await mkdir(path.dirname(place), { recursive: true })
    await symlink(source(`node_modules/${name}`), place)
  }
  return { folder, installed, files: files.map(({ path }) => path) }
}

/** Writes the text as a file of the project, and runs it. */
export async function runIn({ folder }: Project, name: string, text: string): Promise<Outcome> {
  const file = path.join(folder, name)
  await writeFile(file, text)
  return runNode([file])
}
