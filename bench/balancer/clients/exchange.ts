import net, { type Socket } from 'node:net'

/** The answer's body; null if there was none, or not all of it. */
export type OnAnswer = (body: string | null) => void

/**
 * HTTP/1.1 with as little work as that takes, so that the client is not what is measured: one request at a time on a
 * connection, and answers that have a content-length.
 */
export class Exchange {
  readonly socket: Socket
  readonly #host: string
  #answer: OnAnswer | null = null
  #text = ''

  constructor(socket: Socket) {
    this.socket = socket
    this.#host = 'bench'
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => this.#finish(null))
    socket.on('close', () => this.#finish(null))
  }

  static connect(port: number): Exchange {
    return new Exchange(net.connect({ port, host: '127.0.0.1', noDelay: true }))
  }

  get busy(): boolean {
    return this.#answer !== null
  }

  get gone(): boolean {
    return this.socket.destroyed || !this.socket.writable
  }

  /** `last`: the server is to close the connection after it. */
  request(path: string, last: boolean, answer: OnAnswer): void {
    this.#answer = answer
    const connection = last ? 'connection: close\r\n' : ''
    this.socket.write(`GET ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n${connection}\r\n`, 'latin1')
  }

  #read(chunk: Buffer): void {
    this.#text += chunk.toString('latin1')
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) return
    const body = this.#text.slice(end + 4)
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1]
    if (body.length < Number(length)) return
    this.#text = ''
    this.#finish(this.socket.destroyed ? null : body)
  }

  #finish(body: string | null): void {
    const answer = this.#answer
    this.#answer = null
    answer?.(body)
  }
}
