import http from 'node:http'
import { threadId } from 'node:worker_threads'

const server = http.createServer((_request, response) => response.end(`hello from thread ${threadId}\n`))
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`thread ${threadId} listens on port ${server.address().port}`)
})
