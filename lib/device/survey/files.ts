import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import path from 'node:path'

/** Where the kernel's files are; tests give a tree of their own. */
export interface Roots {
  readonly dev: string
  readonly sys: string
  /** libdlb's sockets are there, whatever TMPDIR says. */
  readonly tmp: string
}

export const realRoots: Roots = { dev: '/dev', sys: '/sys', tmp: '/tmp' }

/** The names in a folder, in order; none if it cannot be read. */
export function names(folder: string): string[] {
  return attempt(() => readdirSync(folder).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) ?? []
}

/** A file of one line, as sysfs has them; null if it is not there. */
export function line(file: string): string | null {
  return attempt(() => readFileSync(file, 'utf8').trim())
}

/** The name of what a link leads to; null if there is no such link. */
export function linkName(link: string): string | null {
  return attempt(() => path.basename(readlinkSync(link)))
}

/** The same for a link whose path has further links in it. */
export function realName(file: string): string | null {
  return attempt(() => path.basename(realpathSync(file)))
}

/** null where something is missing or hidden: that is what these files are read to find out. */
export function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
