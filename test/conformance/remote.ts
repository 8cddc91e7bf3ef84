import { Worker } from 'node:worker_threads'
import type { Test } from 'tap'
import type { DomainToken } from '../../lib/device/device.ts'
import type { Calls } from './remote-thread.ts'

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly failure?: { readonly code: string; readonly message: string }
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Another thread that does what it is told. */
export class Remote {
  readonly #worker: Worker
  readonly #exit: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0

  /** @param token opened at once, from workerData. */
  constructor(t: Test, token: DomainToken | null = null) {
    this.#worker = new Worker(new URL('./remote-thread.js', import.meta.url), { workerData: token, execArgv: [] })
    this.#exit = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(new Error('the thread has ended'))
        resolve()
      })
    })
    this.#worker.on('error', (error) => this.#fail(error as Error))
    this.#worker.on('message', (reply: Reply) => this.#answered(reply))
    t.teardown(() => this.end())
  }

  /** Rejects with the code of what was thrown there. */
  call<K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Promise<ReturnType<Calls[K]>> {
    const id = this.#calls++
    this.#worker.postMessage({ id, name, args })
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as ReturnType<Calls[K]>), reject })
    })
  }

  /** The thread ends as it is, without a word to the domain. */
  async end(): Promise<void> {
    await this.#worker.terminate()
    await this.#exit
  }

  #answered({ id, value, failure }: Reply): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (failure === undefined) waiting?.resolve(value)
    else waiting?.reject(Object.assign(new Error(failure.message), { code: failure.code }))
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
