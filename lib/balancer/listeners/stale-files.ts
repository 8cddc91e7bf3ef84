import fs from 'node:fs'
import { resolve } from 'node:path'

/**
 * Removes files of Unix sockets that nobody serves. Workers ask for it when they start, and usually
 * all of them ask for the same files.
 *
 * Main thread. It removes the files one after the other, so that, when two workers start at the
 * same time, neither takes the other's new file for a stale one.
 */
export class StaleFiles {
  readonly #removed = new Set<string>()

  /**
   * @returns whether the file existed and is gone now. If not, the worker tries to remove it
   *   itself, and gets the error.
   */
  remove(path: string): boolean {
    const file = resolve(path)
    try {
      if (fs.lstatSync(file).isSocket()) fs.unlinkSync(file)
      else return false
      this.#removed.add(file)
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' && this.#removed.has(file)
    }
  }
}
