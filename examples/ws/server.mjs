import http from 'node:http'
import { threadId } from 'node:worker_threads'
import { WebSocketServer } from 'ws'

const server = http.createServer((_request, response) => {
  response.writeHead(426).end('a WebSocket client is wanted here\n')
})
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.send(`hello from thread ${threadId}`)
  // All messages of one socket come to one thread; what sockets share between threads is the
  // application's to carry.
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`thread ${threadId} listens on port ${server.address().port}`)
})
