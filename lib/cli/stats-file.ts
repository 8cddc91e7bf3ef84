import fs from 'node:fs'
import path from 'node:path'
import { NodeDlbError } from '../errors.ts'
import { print } from '../print.ts'

const { O_NONBLOCK, O_WRONLY } = fs.constants

/** Where `--stats` writes the figures: a file, or '-' for stderr. */
export class StatsFile {
  readonly #name: string

  /**
   * Tries to write the file, so that a mistake shows at the start. @throws ERR_DLB_INVALID_ARGUMENT
   */
  constructor(name: string) {
    this.#name = name
    if (this.#isStream) return
    try {
      if (name.endsWith(path.sep) || statsOf(name)?.isDirectory()) throw new Error('it is a folder: name a file in it')
      fs.closeSync(fs.openSync(this.#temporary, 'w'))
      fs.rmSync(this.#temporary)
    } catch (cause) {
      const message = `--stats ${name}: the figures cannot be written there: ${(cause as Error).message}`
      throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', message, { cause })
    }
  }

  /** @throws what the file system throws */
  write(text: string): void {
    if (this.#name === '-') print(2, text)
    else if (this.#isStream) writeToStream(this.#name, text)
    else this.#replace(text)
  }

  /** True for stderr, a device or a pipe, which is written to and not replaced. */
  get #isStream(): boolean {
    if (this.#name === '-') return true
    const stats = statsOf(this.#name)
    return stats !== null && !stats.isFile() && !stats.isDirectory()
  }

  get #temporary(): string {
    return `${this.#name}.${process.pid}.tmp`
  }

  /** Replaces the file, so that a reader finds all of the old figures or all of the new ones. */
  #replace(text: string): void {
    fs.writeFileSync(this.#temporary, text)
    fs.renameSync(this.#temporary, this.#name)
  }
}

/**
 * @returns null if there is no file, or if it cannot be examined: the attempt to open it tells why
 */
function statsOf(name: string): fs.Stats | null {
  try {
    return fs.statSync(name)
  } catch {
    return null
  }
}

/** Writes without waiting: a pipe that nobody reads is an error. */
function writeToStream(name: string, text: string): void {
  const fd = fs.openSync(name, O_WRONLY | O_NONBLOCK)
  try {
    fs.writeSync(fd, text)
  } finally {
    fs.closeSync(fd)
  }
}
