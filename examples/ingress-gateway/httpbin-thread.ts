import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { createHttpbin } from './httpbin.ts'

/** The httpbin beside the gateway, in a thread of its own. It tells its port once it listens. */
const server = createHttpbin().listen(0, '127.0.0.1', () => {
  parentPort?.postMessage((server.address() as AddressInfo).port)
})
