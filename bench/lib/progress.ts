/** One line on the terminal that is written over; where there is none, nothing. '' takes it away. */
export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
}
