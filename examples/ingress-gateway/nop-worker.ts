import type { Load } from './gateway.ts'
import type { Order } from './nop.ts'
import { server } from './worker.ts'

/** worker.ts as a process of its own: it tells the primary its load, and does what it says. */

const REPORT_MS = 100
const IDLE_CHECK_MS = 50

let [open, total] = [0, 0]
let reported = ''

server.on('connection', (socket) => {
  open++
  total++
  socket.once('close', () => open--)
})

function report(done?: () => void): void {
  const load: Load = { open, total }
  const text = JSON.stringify(load)
  if (text === reported && !done) return
  reported = text
  process.send?.(load, undefined, undefined, done)
}

const orders: Readonly<Record<Order, () => void>> = {
  drain: () => {
    server.close(() => {
      // It is told before the last socket's own 'close'.
      open = 0
      report(() => process.exit(0))
    })
    // Keep-alive connections are closed as they become idle.
    setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
  },
  cut: () => report(() => process.exit(0)),
}

setInterval(report, REPORT_MS).unref()
process.on('message', (order: Order) => orders[order]())
// Ctrl-C reaches all processes of the terminal; the primary says what follows.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
