import type { Server } from 'node:net'
import { isHttp2 } from './server-kinds.ts'

interface Session {
  readonly destroyed: boolean
  close(): void
  destroy(): void
  once(event: 'close', listener: () => void): unknown
}

type Http2Server = Server & { on(event: 'session', listener: (session: Session) => void): unknown }

interface Sessions {
  readonly open: Set<Session>
  closing: boolean
}

/** A session that comes while its server closes has so long to send its first requests. */
const FIRST_REQUEST_MS = 100

const servers = new WeakMap<Server, Sessions>()
/** Of all servers of this thread. */
const all = new Set<Session>()

/**
 * Remembers the open HTTP/2 sessions of a server, if it is one for HTTP/2: Node before 24 has no
 * list of them.
 */
export function followSessions(server: Server): void {
  if (!isHttp2(server) || servers.has(server)) return
  const sessions: Sessions = { open: new Set(), closing: false }
  servers.set(server, sessions)
  const http2Server: Http2Server = server
  http2Server.on('session', (session) => {
    sessions.open.add(session)
    all.add(session)
    session.once('close', () => {
      sessions.open.delete(session)
      all.delete(session)
    })
    if (sessions.closing) setTimeout(() => close(session), FIRST_REQUEST_MS).unref()
  })
}

/**
 * Tells the clients, now and those to come, which stream is the last that is served (GOAWAY); a
 * session closes when its last stream has. What a client sent after that stream it may send again
 * elsewhere. (To serve that, too, takes a GOAWAY beforehand that names no stream, but once Node has
 * sent any, it ignores new streams.)
 */
export function closeSessions(server: Server): void {
  const sessions = servers.get(server)
  if (!sessions) return
  sessions.closing = true
  for (const session of sessions.open) close(session)
}

/**
 * For the thread's exit. Its loop turns once more afterwards, without JavaScript, and Node aborts
 * the process if that meets the start of an HTTP/2 request and some of its body, since nobody has
 * given the request its `onread` (`onread->IsFunction()` in Node's stream_base.cc; seen on 20, 22
 * and 24). A session that is destroyed takes nothing any more.
 */
export function destroySessions(): void {
  for (const session of all) session.destroy()
}

function close(session: Session): void {
  if (!session.destroyed) session.close()
}
