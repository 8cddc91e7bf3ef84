import type { ThisWorker } from '../../../lib/this-worker.ts'
import { handOver } from '../app/app.ts'
import '../app/main.ts'

/**
 * The app's thread reads the ledger: a connection's stamp is the time when it was accepted, in µs,
 * and wraps.
 */
const { ledger } = (globalThis as unknown as Record<symbol, ThisWorker>)[Symbol.for('node-dlb.worker')]
const { opened } = ledger
ledger.opened = (fd, stamp, worker) => {
  handOver.age = (Number(process.hrtime.bigint() / 1000n) - stamp) | 0
  return opened.call(ledger, fd, stamp, worker)
}
