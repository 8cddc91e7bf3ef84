import fs from 'node:fs'
import { resolve } from 'node:path'

/**
 * The files of Unix sockets that nobody serves any more, and that workers want to have removed when
 * they start: all of them, mostly.
 */
export class StaleFiles {
  readonly #removed = new Set<string>()

  /**
   * @returns whether it is gone, and has been there; if not, whoever wants it removed is to try,
   *   and learns why.
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
