import { Ledger } from '../../lib/ledger/ledger.ts'

export const create = (fdLimit = 100, workers = 2) => Ledger.create({ fdLimit, workers })

/** Brings fd to the state of a connection that worker 0 has adopted. */
export function adopted(ledger: Ledger, fd: number, time = 1000, worker = 0): number {
  const stamp = ledger.accept(fd, time, 0)
  ledger.toDevice(fd, stamp)
  ledger.adopt(fd, stamp, worker)
  ledger.opened(fd, stamp, worker)
  return stamp
}
