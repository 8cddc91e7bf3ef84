import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Whether a child process, or one of its own, has the socket: an app can send its server to one, or
 * let it inherit the handle. Linux tells by /proc. A child that cannot be looked at, such as one of
 * another user, counts as one that has not.
 */
export function isHeldByChildren(fd: number): boolean {
  const socket = link(`/proc/self/fd/${fd}`)
  return socket !== null && descendantsOf('self').some((pid) => has(pid, socket))
}

function has(pid: string, socket: string): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => link(`/proc/${pid}/fd/${fd}`) === socket)
}

/** Each thread has those that it has started. */
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

/** What is read may be gone by now. */
function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
