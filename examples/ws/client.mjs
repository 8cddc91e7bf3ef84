import { once } from 'node:events'
import { WebSocket } from 'ws'

// Opens some WebSockets, and prints what the server says on each, and an echo.
const url = process.argv[2] ?? `ws://localhost:${process.env.PORT ?? 8080}`
for (let i = 1; i <= 4; i++) {
  const socket = new WebSocket(url)
  const [hello] = await once(socket, 'message')
  socket.send(`message ${i}`)
  const [echo] = await once(socket, 'message')
  console.log(`${hello}; echo: ${echo}`)
  socket.close()
}
