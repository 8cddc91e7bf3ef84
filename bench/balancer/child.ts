import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Milliseconds that a process may take to end when it is asked to. */
const PATIENCE_MS = 3000
const running = new Set<Child>()

/**
 * A process that the bench has started. It leads a process group, so that nothing of it is left
 * behind.
 */
export class Child {
  readonly pid: number
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  /** @throws Error if there is no such program. */
  static async start(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Child> {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options, detached: true })
    await once(child, 'spawn')
    return new Child(child)
  }

  private constructor(child: ChildProcess) {
    this.#process = child
    this.pid = child.pid as number
    this.#ended = new Promise((resolve) => child.once('exit', resolve))
    running.add(this)
  }

  send(message: object): void {
    this.#process.send(message)
  }

  /**
   * Waits for the next message.
   * @throws Error if the process ends before it sends one
   */
  async message<T>(): Promise<T> {
    const said = once(this.#process, 'message') as Promise<[T]>
    const ended = this.#ended.then(() => {
      throw new Error(`a process of the bench has ended early: ${this.#process.spawnargs.join(' ')}`)
    })
    return (await Promise.race([said, ended]))[0]
  }

  /**
   * Waits for the first line that it prints.
   * @throws Error if the process ends before it has printed one
   */
  async line(): Promise<string> {
    const { stdout } = this.#process
    if (stdout === null) throw new Error('its output is not read')
    for await (const line of createInterface(stdout)) return line
    throw new Error(`it printed nothing: ${this.#process.spawnargs.join(' ')}`)
  }

  /** Ends the process and all of its group, by force if need be. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    const forced = setTimeout(() => this.kill(), PATIENCE_MS)
    await this.#ended
    clearTimeout(forced)
    this.kill()
    running.delete(this)
  }

  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // All processes of the group have ended.
    }
  }
}

/** Kills all groups: they hear neither of Ctrl-C nor of the bench's end. */
export function killAll(): void {
  for (const child of running) child.kill()
}
