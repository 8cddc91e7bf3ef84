import { loadAddon } from './native.ts'
import { Output } from './output.ts'

/** What waits for room beyond so many bytes is dropped: whoever should read it does not. */
const MOST_WAITING = 1 << 20
/** At the process's end, so long is waited for room. */
const LAST_WAIT_MS = 1000
const LAST_LOOK_MS = 5

const outputs = new Map<1 | 2, Output>()

/**
 * What the balancer itself has to say, or a worker that has ended. It neither blocks this thread
 * nor throws: that nobody reads it is no reason to stop serving. Main thread.
 */
export function print(fd: 1 | 2, data: string | Uint8Array): void {
  if (!hasAddon()) {
    // Then nothing can run, and the reason is all that there is to say.
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
    if (rest.length > 0) Atomics.wait(never, 0, 0, LAST_LOOK_MS)
  }
}
