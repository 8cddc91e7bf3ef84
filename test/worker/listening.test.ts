import net from 'node:net'
import t from 'tap'
import type { ListenRequest, Reply, Route } from '../../lib/protocol.ts'
import type { Control } from '../../lib/worker/control.ts'
import { Listening } from '../../lib/worker/listen/listening.ts'
import { findTcp } from '../../lib/worker/node-handles.ts'

/** Above what any process has. */
const CLOSED_FD = 2 ** 30

const route: Route = {
  domainNumber: 0,
  queue: null,
  priority: 0,
  completion: 'adoption',
  accept: null,
  proxyProtocol: false,
  revision: 0,
}

t.test('a server listens although main has closed the socket since it answered', async (t) => {
  const address = { address: '127.0.0.1', family: 'IPv4', port: 8080 }
  const links = { domainNumber: 0, revision: 0, queues: [] }
  const answer: Reply = {
    type: 'listening',
    listener: 0,
    route,
    links,
    address,
    fd: CLOSED_FD,
    noDelay: false,
    ticketKeys: null,
  }
  const control = {
    call: ({ type }: { type: string }) => (type === 'leave' ? { type: 'left', links } : answer),
    post: () => undefined,
    hold: () => undefined,
  }
  const listening = new Listening(control as unknown as Control, findTcp(), () => undefined)
  const request = { type: 'listen', address: '127.0.0.1', port: 8080, addressType: 4 } as ListenRequest
  const server = net.createServer()
  const { handle } = listening.open(server, request)
  server.listen(handle)
  await new Promise((resolve) => server.once('listening', resolve))
  t.match(server.address(), address)
  await new Promise((resolve) => server.close(resolve))
})
