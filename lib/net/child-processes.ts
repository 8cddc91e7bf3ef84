import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Whether a child process, or one of its own children, has the socket: an app can send its server
 * to a child, or let the child inherit the handle. /proc tells which descriptors a process has. A
 * child that this process may not inspect, such as another user's, counts as one without the
 * socket.
 */
export function isHeldByChildren(fd: number): boolean {
  const socket = link(`/proc/self/fd/${fd}`)
  return socket !== null && descendantsOf('self').some((pid) => has(pid, socket))
}

function has(pid: string, socket: string): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => link(`/proc/${pid}/fd/${fd}`) === socket)
}

/** In /proc, each thread of a process lists the children that it has started itself. */
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

/** Reads a file or folder of /proc; null if that fails, as when the process has ended meanwhile. */
function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
