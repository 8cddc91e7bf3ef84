import os from 'node:os'
import type { Work } from './gateway.ts'
import { createProxy } from './proxy/server.ts'

/** Each worker runs this file: a plain HTTP server that listens. */
const work = JSON.parse(process.argv[2]) as Work

const server = createProxy(work.proxy).listen(work.listen)

// The exit code tells the parent why. An error without an errno is one of the name's lookup.
server.once('error', ({ code = '' }: NodeJS.ErrnoException) => {
  const { errno } = os.constants
  process.exit(Object.hasOwn(errno, code) ? errno[code as keyof typeof errno] : errno.EADDRNOTAVAIL)
})
