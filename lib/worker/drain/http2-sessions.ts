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

/**
 * Milliseconds in which a session that begins while its server closes may send its first requests.
 */
const FIRST_REQUEST_MS = 100

const servers = new WeakMap<Server, Sessions>()
/** The open sessions of all servers of this thread. */
const all = new Set<Session>()

/**
 * Remembers the open HTTP/2 sessions of a server, if it is one for HTTP/2. Node before 24 has no
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
 * Tells the clients, those of later sessions included, which stream is the last that is served
 * (GOAWAY). A session closes when its last stream has closed. A client may send requests that came
 * after that stream again elsewhere. (To serve those as well, a GOAWAY that names no stream would
 * have to come first, but once Node has sent any GOAWAY, it ignores new streams.)
 */
export function closeSessions(server: Server): void {
  const sessions = servers.get(server)
  if (!sessions) return
  sessions.closing = true
  for (const session of sessions.open) close(session)
}

/**
 * Destroys all sessions at the thread's exit. The thread's loop turns once more afterwards, without
 * JavaScript, and Node aborts the process if that turn meets the start of an HTTP/2 request and
 * some of its body, because the request has no `onread` yet (`onread->IsFunction()` in Node's
 * stream_base.cc; seen on 20, 22 and 24). A session that is destroyed takes in nothing more.
 */
export function destroySessions(): void {
  for (const session of all) session.destroy()
}

function close(session: Session): void {
  if (!session.destroyed) session.close()
}
