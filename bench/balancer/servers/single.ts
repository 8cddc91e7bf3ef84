import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createApp } from '../app/app.ts'
import { serve } from './serve.ts'

/** One thread, no balancer. */
await serve(async () => {
  const server = createApp().listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
})
