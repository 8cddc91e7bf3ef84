import type { Server } from 'node:net'

interface Session {
  close(): void
  once(event: 'close', listener: () => void): unknown
}

type Http2Server = Server & { on(event: 'session', listener: (session: Session) => void): unknown }

const sessions = new WeakMap<Server, Set<Session>>()

/**
 * Remembers the open HTTP/2 sessions of a server, if it is one for HTTP/2: Node 24 closes them with the server, 20 and
 * 22 leave them open, and have no list of them.
 */
export function followSessions(server: Server): void {
  if (!isHttp2(server) || sessions.has(server)) return
  const open = new Set<Session>()
  sessions.set(server, open)
  server.on('session', (session) => {
    open.add(session)
    session.once('close', () => open.delete(session))
  })
}

/** Tells the clients to open no more streams (GOAWAY); a session closes when its last stream has. */
export function closeSessions(server: Server): void {
  for (const session of sessions.get(server) ?? []) session.close()
}

function isHttp2(server: Server): server is Http2Server {
  return typeof (server as { updateSettings?: unknown }).updateSettings === 'function'
}
