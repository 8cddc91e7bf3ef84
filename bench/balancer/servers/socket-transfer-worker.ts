import type { Socket } from 'node:net'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createApp } from '../app/app.ts'

const app = createApp()
;(workerData as MessagePort).on('message', (socket: Socket) => {
  app.emit('connection', socket)
  socket.resume()
})
parentPort?.postMessage('listening')
