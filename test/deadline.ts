import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'

/** Milliseconds: longer than anything takes on a machine that is very busy. */
const PATIENCE_MS = 60_000
/**
 * Milliseconds in which a condition is checked at every turn of the loop. After that it is checked
 * every millisecond. While it is checked at every turn, the main thread does not sleep: on a
 * machine that has too much to do, it would wake late, and tests of what the balancer does within
 * milliseconds would depend on that.
 */
const BRISK_MS = 1000

/** Returns what the promise gives, or throws an error that says what was waited for. */
export async function within<T>(what: string, happens: Promise<T>, milliseconds = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), milliseconds)
  })
  try {
    return await Promise.race([happens, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Waits until the condition holds, for what tells nobody when it happens. Throws an error that says
 * what was waited for.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = PATIENCE_MS,
): Promise<void> {
  const started = performance.now()
  while (!(await condition())) {
    const waited = performance.now() - started
    if (waited > milliseconds) throw new Error(`waited in vain: ${what}`)
    await (waited < BRISK_MS ? turn() : delay(1))
  }
}

/**
 * Waits as `until` does, without giving the loop a turn: for what other threads or the device do.
 */
export function spinUntil(what: string, condition: () => boolean): void {
  const started = performance.now()
  while (!condition()) {
    if (performance.now() - started > PATIENCE_MS) throw new Error(`waited in vain: ${what}`)
  }
}
