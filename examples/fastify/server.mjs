import { threadId } from 'node:worker_threads'
import fastify from 'fastify'

const app = fastify()
app.get('/', async () => `hello from thread ${threadId}\n`)
await app.listen({ port: Number(process.env.PORT ?? 8080) })
console.log(`thread ${threadId} listens on port ${app.server.address().port}`)
