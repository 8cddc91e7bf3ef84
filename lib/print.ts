import { loadAddon } from './native.ts'
import { Output } from './output.ts'

/**
 * Bytes of waiting output beyond which further output is dropped, because its reader does not read.
 */
const MOST_WAITING = 1 << 20
/** Milliseconds that the end of the process is delayed for output that waits. */
const LAST_WAIT_MS = 1000
const LAST_RETRY_MS = 5

const outputs = new Map<1 | 2, Output>()

/**
 * Prints messages of the balancer itself, or of a worker that has ended. It neither blocks this
 * thread nor throws, because a missing reader is no reason to stop serving. Main thread.
 */
export function print(fd: 1 | 2, data: string | Uint8Array): void {
  if (!hasAddon()) {
    // Without the addon nothing can run, and only the reason for that is printed.
    const stream = fd === 1 ? process.stdout : process.stderr
    stream.write(data)
    return
  }
  const output = outputs.get(fd) ?? open(fd)
  if (output.writableLength <= MOST_WAITING) output.write(data)
}

function hasAddon(): boolean {
  try {
    loadAddon()
    return true
  } catch {
    return false
  }
}

function open(fd: 1 | 2): Output {
  const output = new Output(fd, false)
  output.on('error', () => undefined)
  outputs.set(fd, output)
  if (outputs.size === 1) process.once('exit', writeAllThatWaits)
  return output
}

function writeAllThatWaits(): void {
  const until = performance.now() + LAST_WAIT_MS
  for (const output of outputs.values()) output.leaveTo((data) => writeLast(output.fd, data, until))
}

function writeLast(fd: number, data: Uint8Array, until: number): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let rest = data; rest.length > 0 && performance.now() < until; ) {
    const count = loadAddon().writeWithoutWaiting(fd, rest)
    if (count < 0) return
    rest = rest.subarray(count)
    if (rest.length > 0) Atomics.wait(never, 0, 0, LAST_RETRY_MS)
  }
}
