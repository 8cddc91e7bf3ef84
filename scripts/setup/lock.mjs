import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { say } from './problem.mjs'

/**
 * Allows one set-up at a time per checkout, for instance if `npm start` and `npm test` begin
 * together. The lock is a listening local socket, not a file. The kernel takes it back however its
 * holder dies, so there is no stale lock to break, and those that wait learn of its end from their
 * connection, without polling.
 * @returns {Promise<() => void>} gives the lock back
 */
export async function lock(root) {
  const address = addressOf(root)
  for (let waited = false; ; waited = true) {
    const unlock = await tryToListen(address)
    if (unlock) return unlock
    if (!waited) say('waiting for another set-up of this checkout')
    await endOfHolder(address)
  }
}

function addressOf(root) {
  const name = `node-dlb-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(tmpdir(), name)
}

function tryToListen(address) {
  return new Promise((resolve, reject) => {
    const waiting = []
    const server = createServer((socket) => waiting.push(socket.on('error', () => socket.destroy())))
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(address, () =>
      resolve(() => {
        server.close()
        for (const socket of waiting) socket.destroy()
      }),
    )
  })
}

function endOfHolder(address) {
  return new Promise((resolve) => {
    const socket = connect(address, () => socket.resume())
    socket.once('error', (error) => {
      // There is no holder: a socket in the file system outlives its process, unlike Linux's and
      // Windows' names.
      if (error.code === 'ECONNREFUSED' && path.isAbsolute(address)) rmSync(address, { force: true })
    })
    socket.once('close', resolve)
  })
}
