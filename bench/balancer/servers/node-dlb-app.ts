import { Ledger, nowInMicroseconds } from '../../../lib/balancer/ledger.ts'
import { handOver } from '../app/app.ts'
import '../app/main.ts'

/** The app's thread looks into the ledger: a connection's stamp is the time when it was accepted, and wraps. */
const { opened } = Ledger.prototype
Ledger.prototype.opened = function (fd, stamp, worker) {
  handOver.age = (nowInMicroseconds() - stamp) | 0
  return opened.call(this, fd, stamp, worker)
}
