import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import path from 'node:path'

/** The folders with the kernel's files. Tests use trees of their own. */
export interface Roots {
  readonly dev: string
  readonly sys: string
  /** The folder of libdlb's sockets, which TMPDIR does not change. */
  readonly tmp: string
}

export const realRoots: Roots = { dev: '/dev', sys: '/sys', tmp: '/tmp' }

/** The names in a folder, in order; none if the folder cannot be read. */
export function names(folder: string): string[] {
  return attempt(() => readdirSync(folder).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) ?? []
}

/** Reads a file of one line, such as those in sysfs; null if it is not there. */
export function line(file: string): string | null {
  return attempt(() => readFileSync(file, 'utf8').trim())
}

/** The name of the file that a link points to; null if there is no such link. */
export function linkName(link: string): string | null {
  return attempt(() => path.basename(readlinkSync(link)))
}

/** The name of the file that a path leads to, through all its links; null if it is not there. */
export function realName(file: string): string | null {
  return attempt(() => path.basename(realpathSync(file)))
}

/**
 * Reads something that may be missing or hidden; null if it is. The survey wants to know which it
 * is.
 */
export function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
