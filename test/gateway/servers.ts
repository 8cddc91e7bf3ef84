import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import { createProxy, type ProxySettings } from '../../examples/ingress-gateway/proxy/server.ts'

/** @returns its port; the server ends with the test. */
export async function listening(t: Test, server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    if (server instanceof http.Server) server.closeAllConnections()
    server.close()
    if (server.listening) await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

/** A proxy that sends all of host `x` to this backend. @returns its port */
export function proxyTo(
  t: Test,
  backendPort: number,
  backendTimeout = 30_000,
  more: Partial<ProxySettings> = {},
): Promise<number> {
  const proxy = createProxy({
    virtualHosts: [{ hosts: ['x'], routes: [{ matches: [], targets: [{ service: 'backend:80', weight: 1 }] }] }],
    backends: { 'backend:80': `http://127.0.0.1:${backendPort}` },
    backendTimeout,
    ...more,
  })
  return listening(t, proxy)
}

/** A proxy in front of a server with this handler. @returns the proxy's port */
export async function proxied(t: Test, handler: http.RequestListener): Promise<number> {
  return proxyTo(t, await listening(t, http.createServer(handler)))
}

/**
 * A server that answers each connection's first bytes with these, whatever they are. @returns its
 * port
 */
export function rawServer(t: Test, answer: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', () => answer(socket))
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return listening(t, server)
}

/**
 * A server that answers each request by its path with these bytes, and others with `ok`;
 * connections stay open. Only for requests without a body that come one by one.
 */
export function scripted(t: Test, answers: Readonly<Record<string, string>>): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.setEncoding('latin1').on('data', (head) => {
      const [, path = ''] = /^\S+ (\S+)/.exec(String(head)) ?? []
      socket.write(answers[path] ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'latin1')
    })
    t.teardown(() => socket.destroy())
  })
  return listening(t, server)
}

export interface RawAnswer {
  readonly head: string
  readonly body: string
}

/** Sends these bytes, and reads until the server closes. */
export async function raw(port: number, text: string): Promise<RawAnswer> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1')
  socket.write(text, 'latin1')
  let answer = ''
  for await (const chunk of socket) answer += chunk
  const end = answer.indexOf('\r\n\r\n')
  return { head: answer.slice(0, end), body: answer.slice(end + 4) }
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

/** Promise.withResolvers, which Node 20 lacks. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Virtual hosts that send all requests to one backend. */
export const anyHost = [{ hosts: ['*'], routes: [{ matches: [], targets: [{ service: 'backend:80', weight: 1 }] }] }]
