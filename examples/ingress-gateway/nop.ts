import cluster, { type Address, type Worker } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type CloseOutcome, type Gateway, type GatewayOptions, type Load, StartError } from './gateway.ts'

/** From the primary to a worker: close when idle, or end now. */
export type Order = 'drain' | 'cut'

const RESPAWN_MS = 1000
/** For a worker whose event loop is blocked. */
const KILL_MS = 1000

/**
 * The gateway without DLB connection balancing, as Envoy's nop balancer has it: no device, every worker accepts for
 * itself from one listening socket that all share. That takes processes (node:cluster, SCHED_NONE): threads cannot
 * share a listening socket in Node. @throws StartError
 */
export async function startNop(options: GatewayOptions): Promise<Gateway> {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./nop-worker.js', import.meta.url)),
    args: [JSON.stringify(options.work)],
  })
  const gateway = new NopGateway(options)
  await gateway.start()
  return gateway
}

interface Member {
  readonly process: Worker
  load: Load
  /** Its exit, and the last of its messages. */
  readonly ended: Promise<unknown>
}

class NopGateway implements Gateway {
  readonly device = 'none: each worker accepts for itself'
  readonly policy = 'nop'
  readonly workers: string
  readonly #options: GatewayOptions
  readonly #members: Member[] = []
  #port = 0
  #closing = false
  #deadline: NodeJS.Timeout | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.workers = `${options.workers} processes by node:cluster, SCHED_NONE`
  }

  get port(): number {
    return this.#port
  }

  /** All of them, or none. */
  async start(): Promise<void> {
    const members = Array.from({ length: this.#options.workers }, (_, index) => this.#fork(index))
    try {
      const ports = await Promise.all(members.map((member) => this.#listening(member)))
      this.#port = ports[0]
    } catch (error) {
      await this.close(0)
      throw error
    }
  }

  #listening(member: Worker): Promise<number> {
    return new Promise((resolve, reject) => {
      member.once('listening', ({ port }: Address) => resolve(port))
      member.once('exit', (code: number | null) => reject(new StartError(this.#options.work.listen, code)))
    })
  }

  loads(): Load[] {
    return this.#members.map(({ load }) => load)
  }

  async close(timeout: number): Promise<CloseOutcome> {
    if (!this.#closing) this.#order('drain')
    this.#closing = true
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#cut(), timeout)
    await Promise.all(this.#members.map(({ ended }) => ended))
    clearTimeout(this.#deadline)
    return { cut: this.#members.reduce((sum, { load }) => sum + load.open, 0) }
  }

  #fork(index: number): Worker {
    const process = cluster.fork()
    const total = this.#members[index]?.load.total ?? 0
    const member: Member = { process, load: { open: 0, total }, ended: endOf(process) }
    this.#members[index] = member
    process.on('message', (load: Load) => {
      member.load = { open: load.open, total: total + load.total }
    })
    process.once('exit', (code, signal) => {
      // One that never listened is no death: the start fails.
      if (!this.#closing && this.#port > 0) this.#replace(index, signal ?? `code ${code}`)
    })
    return process
  }

  #replace(index: number, how: string): void {
    this.#options.say(`worker_${index} died with ${how}; its successor starts in ${RESPAWN_MS} ms`)
    setTimeout(() => {
      if (!this.#closing) this.#fork(index)
    }, RESPAWN_MS).unref()
  }

  #cut(): void {
    this.#order('cut')
    this.#deadline = setTimeout(() => {
      for (const { process } of this.#members) process.process.kill('SIGKILL')
    }, KILL_MS)
  }

  #order(order: Order): void {
    for (const { process } of this.#members) {
      // One that is just ending is not there to hear it (EPIPE), and needs no order.
      if (process.isConnected()) process.send(order, undefined, () => undefined)
    }
  }
}

async function endOf(process: Worker): Promise<void> {
  await once(process, 'exit')
  // Its last messages may follow its exit. If they came before it, 'disconnect' has been, or never will be.
  if (process.isConnected()) await once(process, 'disconnect')
}
