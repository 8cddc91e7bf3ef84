import net, { type Server } from 'node:net'
import { isTls, type TlsServer } from '../drain/server-kinds.ts'

/**
 * The session ticket keys that workers share.
 *
 * A TLS server makes session tickets with keys of 48 bytes. Without keys from the app, each server
 * generates its own. Workers that share a listener have to share them, because otherwise a client
 * that resumes its session at another worker would do a full handshake. The app itself shares keys
 * that it has set.
 *
 * Node keeps the keys of the option in `server.ticketKeys`, from where each new context gets them
 * (`setSecureContext`, which apps call to renew certificates). Our keys are kept there as well, and
 * so are those of `setTicketKeys`, which Node does not remember.
 */

/** The servers with our keys, and these keys, which the app does not know. */
const given = new WeakMap<Server, Buffer>()

/** @returns null for servers without TLS, or with keys of the app */
export function ticketKeysOf(server: Server): Uint8Array | null {
  return isTls(server) && !hasOwnKeys(server) ? server.getTicketKeys() : null
}

export function useTicketKeys(server: Server, keys: Uint8Array | null): void {
  if (!keys || !isTls(server) || hasOwnKeys(server)) return
  const copy = Buffer.from(keys)
  server.setTicketKeys(copy)
  server.ticketKeys = copy
  given.set(server, copy)
}

function hasOwnKeys(server: TlsServer): boolean {
  return server.ticketKeys !== undefined && server.ticketKeys !== given.get(server)
}

/**
 * Remembers from now on the keys that are passed to `setTicketKeys`, which apps usually call before
 * `listen`. Loading node:tls for this in each worker would cost apps without TLS some ms. So this
 * waits until node:tls assigns the method to its prototype, which inherits from that of node:net.
 */
export function rememberTicketKeys(): void {
  const name = 'setTicketKeys'
  const { moduleLoadList } = process as unknown as { moduleLoadList?: readonly string[] }
  if (moduleLoadList?.includes('NativeModule tls')) {
    const { prototype } = process.getBuiltinModule('node:tls').Server
    prototype[name] = remembering(prototype[name])
    return
  }
  Object.defineProperty(net.Server.prototype, name, {
    configurable: true,
    set(value: TlsServer[typeof name]) {
      Object.defineProperty(this, name, {
        configurable: true,
        enumerable: true,
        writable: true,
        value: remembering(value),
      })
    },
  })
}

function remembering(setTicketKeys: TlsServer['setTicketKeys']): TlsServer['setTicketKeys'] {
  return function (this: TlsServer, keys: Buffer): void {
    setTicketKeys.call(this, keys)
    this.ticketKeys = keys
  }
}
