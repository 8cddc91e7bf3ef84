import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { Death } from '../../lib/index.ts'
import type { Order, Told } from './fixtures/limited.ts'

/**
 * A user who has no processes, so that a limit on threads counts those of one process only. The
 * limit does not hold for root at all.
 */
const NOBODY = '65534'

/** For `spawn`: runs what follows as a user for whom the limit on threads holds. */
export const asUser =
  process.getuid?.() === 0 ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'] : ['env']

/**
 * Sets a limit of a process that runs as this user. `most` is what it may have from now on; a
 * process that has more keeps it.
 */
export function setLimit(pid: number, limit: 'nproc' | 'nofile', most: number | string): void {
  const [command, ...args] = [...asUser, 'prlimit', '--pid', String(pid), `--${limit}=${most}:`]
  execFileSync(command, args)
}

/** A process with a balancer (fixtures/limited.ts), whose limits can be changed under its feet. */
export class Limited {
  readonly child: ChildProcess
  readonly deaths: Death[] = []
  readonly exit: Promise<unknown>
  readonly #before: Readonly<Record<'nproc' | 'nofile', string>>
  readonly #answers = new Map<number, Told>()
  #last = 0

  static async start(t: Test): Promise<Limited> {
    const script = fileURLToPath(new URL('./fixtures/limited.js', import.meta.url))
    // Without tap's module loader, which writes files that the user may not; tap sets it whatever
    // `env` says.
    const args = ['NODE_OPTIONS=', ...asUser, process.execPath, script]
    const child = spawn('/usr/bin/env', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child, 'message')
    return new Limited(child)
  }

  private constructor(child: ChildProcess) {
    this.child = child
    this.exit = once(child, 'exit')
    const limits = readFileSync(`/proc/${child.pid}/limits`, 'utf8')
    const soft = (name: string): string => new RegExp(`^Max ${name} +(\\S+)`, 'm').exec(limits)?.[1] as string
    this.#before = { nproc: soft('processes'), nofile: soft('open files') }
    child.on('message', (told: Told) => {
      if ('death' in told) this.deaths.push(told.death as Death)
      else this.#answers.set(told.id, told)
    })
  }

  /** A method of the balancer's. @throws what it does: `code` and `message` */
  async call<T>(call: Order[1], ...args: unknown[]): Promise<T> {
    const id = ++this.#last
    this.child.send([id, call, ...args] satisfies Order)
    for (;;) {
      const told = this.#answers.get(id)
      if (told && 'value' in told) return told.value as T
      if (told && 'error' in told) throw Object.assign(new Error(told.error.message), { code: told.error.code })
      await this.#told()
    }
  }

  async untilDied(isMeant: (death: Death) => boolean): Promise<Death> {
    for (;;) {
      const death = this.deaths.find(isMeant)
      if (death) return death
      await this.#told()
    }
  }

  limit(what: 'nproc' | 'nofile', most: number): void {
    setLimit(this.child.pid as number, what, most)
  }

  unlimit(what: 'nproc' | 'nofile'): void {
    setLimit(this.child.pid as number, what, this.#before[what])
  }

  async #told(): Promise<void> {
    const [exited] = await Promise.race([once(this.child, 'message'), this.exit.then(() => ['exited'])])
    if (exited === 'exited') throw new Error('the process with the balancer has ended')
  }
}
