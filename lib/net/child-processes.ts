import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Whether a child process, or one of its own children, has the socket: an app can send its server
 * to a child, or let the child inherit the handle. Linux tells this through /proc. A child that
 * this process may not inspect, such as another user's, counts as one without the socket.
 */
export function isHeldByChildren(fd: number): boolean {
  const socket = link(`/proc/self/fd/${fd}`)
  return socket !== null && descendantsOf('self').some((pid) => has(pid, socket))
}

function has(pid: string, socket: string): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => link(`/proc/${pid}/fd/${fd}`) === socket)
}

/** Each thread lists the children that it has started itself. */
function descendantsOf(pid: string): string[] {
  const children = list(`/proc/${pid}/task`).flatMap((thread) => {
    const text = attempt(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
    return text?.trim() ? text.trim().split(' ') : []
  })
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

function list(folder: string): string[] {
  return attempt(() => readdirSync(folder)) ?? []
}

function link(file: string): string | null {
  return attempt(() => readlinkSync(file))
}

/** A process may have ended before its files are read. */
function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
