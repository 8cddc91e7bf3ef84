const LOG_EVERY_MS = 20_000
let told = performance.now()

/**
 * Shows one line on the terminal, which is written over; in a log, a line now and then. '' removes
 * it.
 */
export function progress(line: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\x1b[K${line}`)
  } else if (line !== '' && performance.now() - told > LOG_EVERY_MS) {
    told = performance.now()
    process.stderr.write(`${line}\n`)
  }
}
