import { threadId } from 'node:worker_threads'
import express from 'express'

const app = express()
app.get('/', (_request, response) => {
  response.send(`hello from thread ${threadId}\n`)
})
const server = app.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`thread ${threadId} listens on port ${server.address().port}`)
})
