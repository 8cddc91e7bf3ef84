import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { MessageChannel, type MessagePort, type TransferListItem, Worker } from 'node:worker_threads'
import { serve, spec } from './serve.ts'

/**
 * The main thread accepts, and posts each socket to the next worker. A port for each worker, not
 * `worker.postMessage`: that leaks the sockets that are on their way to a worker which has ended.
 */
await serve(async () => {
  const ports = await Promise.all(Array.from({ length: spec.workers }, startWorker))
  let next = 0
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket: Socket) => {
    // Its types are not in those of Node 20.
    ports[next++ % ports.length].postMessage(socket, [socket as unknown as TransferListItem])
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
})

async function startWorker(): Promise<MessagePort> {
  const { port1, port2 } = new MessageChannel()
  const worker = new Worker(new URL('socket-transfer-worker.js', import.meta.url), {
    workerData: port2,
    transferList: [port2],
  })
  await once(worker, 'message')
  return port1
}
