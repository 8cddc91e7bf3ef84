import fs from 'node:fs'
import { resolve } from 'node:path'

/**
 * Files of Unix sockets that nobody serves any more. Workers ask for their removal when they start,
 * and mostly all of them ask for the same files.
 *
 * Main thread. It removes the files one after the other, so that of two workers that start at the
 * same time neither takes the other's new file for a stale one.
 */
export class StaleFiles {
  readonly #removed = new Set<string>()

  /**
   * @returns whether the file was there and is gone now. If not, the worker tries to remove it
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
