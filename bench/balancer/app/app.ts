import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { Server, Socket } from 'node:net'
import { threadId } from 'node:worker_threads'
import type { WebSocketServer as WebSocketServerType } from 'ws'
import { now } from '../../lib/clock.ts'

/** What a peer's driver knows of the connection that is being handed over. */
export const handOver = {
  /** Microseconds since the connection was accepted. */
  age: Number.NaN,
}

/** These rounds take about 50 µs. */
const ROUNDS_PER_MESSAGE = 5
// Other servers do not load this module, whose code would count in their start-up time and memory.
const { WebSocketServer } = process.env.BENCH_WEB_SOCKET === '1' ? await import('ws') : {}
const worker = `${process.pid}/${threadId}`
const arrivals = new WeakMap<Socket, string>()

/**
 * Creates the server under test. The code is the same for every peer that gives it connections. `/`
 * answers at next to no cost. `/spin/<µs>` blocks the event loop for that time first. `/work/<n>`
 * computes first, n times the same. `/who` answers with the worker, the time when the connection
 * arrived there (ms of the shared clock), and its age then. With BENCH_TLS it speaks HTTPS. With
 * BENCH_BARE it has one answer, and no listener but that: its other work is a part of every peer's
 * figures, which makes their ratios smaller.
 */
export function createApp(): Server {
  if (process.env.BENCH_BARE === '1') return http.createServer((_, response) => response.end(worker))
  const server = process.env.BENCH_TLS === '1' ? https.createServer(certificate(), answer) : http.createServer(answer)
  server.on('connection', (socket) => arrivals.set(socket, `${now()} ${handOver.age}`))
  // Only the clients close connections that are held.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.headersTimeout = 0
  if (WebSocketServer) answerMessages(new WebSocketServer({ server, perMessageDeflate: false }))
  return server
}

function answerMessages(sockets: WebSocketServerType): void {
  sockets.on('connection', (socket) => {
    socket.on('message', () => {
      work(ROUNDS_PER_MESSAGE)
      socket.send(worker)
    })
  })
}

function certificate(): { key: Buffer; cert: Buffer } {
  const read = (name: string): Buffer => readFileSync(new URL(`../../../../test/fixtures/${name}`, import.meta.url))
  return { key: read('localhost.key'), cert: read('localhost.crt') }
}

function answer({ url = '/', socket }: http.IncomingMessage, response: http.ServerResponse): void {
  if (url.startsWith('/spin/')) spin(Number(url.slice('/spin/'.length)) / 1000)
  if (url.startsWith('/work/')) work(Number(url.slice('/work/'.length)))
  const body = url === '/who' ? `${worker} ${arrivals.get(socket)}` : 'ok'
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length }).end(body)
}

const block = Buffer.alloc(4096)

/** Uses CPU time, unlike spinning: a thread that is not scheduled gets nothing done. */
function work(rounds: number): void {
  for (let i = 0; i < rounds; i++) createHash('sha256').update(block).digest()
}

function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
