import net, { type Socket } from 'node:net'
import tls from 'node:tls'
import { now } from '../../lib/clock.ts'

/** Gets the answer's body; null if there was none, or not all of it. */
export type OnAnswer = (body: string | null, exchange: Exchange) => void

/**
 * Speaks HTTP/1.1 with as little work as that takes, so that the client is not what is measured. It
 * sends one request at a time on a connection, and needs answers with a content-length.
 */
export class Exchange {
  readonly socket: Socket
  /** Milliseconds of the shared clock. */
  readonly connectedAt: number = now()
  #answer: OnAnswer | null = null
  #text = ''
  /** The server has said that it closes the connection. */
  #last = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => this.#finish(null))
    socket.on('close', () => this.#finish(null))
  }

  static connect(port: number): Exchange {
    return new Exchange(net.connect({ port, host: '127.0.0.1', noDelay: true }))
  }

  /**
   * @param session the session of an earlier connection, to be resumed; undefined: a full handshake
   */
  static connectTls(port: number, session: Buffer | undefined): Exchange {
    return new Exchange(tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, session }))
  }

  get gone(): boolean {
    return this.#last || this.socket.destroyed || !this.socket.writable
  }

  /** `last`: the server is to close the connection after the answer. */
  request(path: string, last: boolean, answer: OnAnswer): void {
    this.#answer = answer
    const connection = last ? 'connection: close\r\n' : ''
    this.socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\n${connection}\r\n`, 'latin1')
  }

  #read(chunk: Buffer): void {
    this.#text += chunk.toString('latin1')
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) return
    const body = this.#text.slice(end + 4)
    const head = this.#text.slice(0, end)
    if (body.length < contentLength(head)) return
    this.#text = ''
    this.#last = /\r\nconnection: close/i.test(head)
    this.#finish(head.startsWith('HTTP/1.1 200') ? body : null)
  }

  #finish(body: string | null): void {
    const answer = this.#answer
    this.#answer = null
    answer?.(body, this)
  }
}

function contentLength(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}
