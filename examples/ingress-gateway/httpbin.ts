import { randomBytes, randomUUID } from 'node:crypto'
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/**
 * Answers as https://httpbin.org and Istio's sample of it do, as far as is needed to try a gateway.
 */

interface Call {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly url: URL
  /** The part of the path that the pattern's group matched. */
  readonly argument: string
}

interface Endpoint {
  readonly methods: readonly string[]
  readonly path: RegExp
  answer(call: Call): Promise<void> | void
}

const MAX_DELAY_S = 10
const MAX_BYTES = 100 * 1024 * 1024
const MAX_LINES = 100
const MAX_BODY_SHOWN = 1024 * 1024
const CHUNK = 64 * 1024

const reading = ['GET', 'HEAD']
const any = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

const endpoints: readonly Endpoint[] = [
  { methods: any, path: /^\/status\/([^/]+)$/, answer: ({ res, argument }) => status(res, argument) },
  { methods: any, path: /^\/delay\/([^/]+)$/, answer: delay },
  { methods: any, path: /^\/anything(?:\/.*)?$/, answer: echo },
  { methods: reading, path: /^\/get$/, answer: echo },
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => {
    return { methods: [method], path: new RegExp(`^/${method.toLowerCase()}$`), answer: echo }
  }),
  { methods: reading, path: /^\/headers$/, answer: ({ req, res }) => json(res, 200, { headers: req.headers }) },
  { methods: reading, path: /^\/ip$/, answer: ({ req, res }) => json(res, 200, { origin: originOf(req) }) },
  {
    methods: reading,
    path: /^\/user-agent$/,
    answer: ({ req, res }) => json(res, 200, { 'user-agent': req.headers['user-agent'] ?? null }),
  },
  { methods: reading, path: /^\/uuid$/, answer: ({ res }) => json(res, 200, { uuid: randomUUID() }) },
  { methods: reading, path: /^\/bytes\/(\d+)$/, answer: bytes },
  { methods: reading, path: /^\/stream\/(\d+)$/, answer: lines },
  { methods: reading, path: /^\/gzip$/, answer: gzip },
]

export function createHttpbin(): Server {
  return http.createServer((req, res) => {
    answer(req, res).catch(() => res.destroy())
  })
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(`http://httpbin${req.url}`)
  const found = endpoints.filter(({ path }) => path.test(url.pathname))
  const endpoint = found.find(({ methods }) => methods.includes(req.method ?? ''))
  if (endpoint) {
    const [, argument = ''] = endpoint.path.exec(url.pathname) ?? []
    await endpoint.answer({ req, res, url, argument })
  } else if (found.length > 0) {
    res.setHeader('allow', found.flatMap(({ methods }) => methods).join(', '))
    json(res, 405, { error: `not for ${req.method}` })
  } else json(res, 404, { error: 'not found' })
}

/** Answers with one of the codes: `200`, `200,503`, or with weights `200:3,500:1`. */
function status(res: ServerResponse, codes: string): void {
  const choices = codes
    .split(/,|%2c/i)
    .map((choice) => /^(\d{3})(?:(?::|%3a)(\d+(?:\.\d+)?))?$/i.exec(choice))
    .map((match) => ({ code: Number(match?.[1]), weight: Number(match?.[2] ?? 1) }))
  const total = choices.reduce((sum, { weight }) => sum + weight, 0)
  if (!(total > 0) || choices.some(({ code }) => !(code >= 200 && code <= 599))) {
    json(res, 400, { error: 'not status codes from 200 to 599' })
    return
  }
  let rest = Math.random() * total
  const chosen = choices.find(({ weight }) => {
    rest -= weight
    return rest < 0
  })
  res.writeHead((chosen ?? choices[0]).code).end()
}

async function delay(call: Call): Promise<void> {
  const seconds = Number(call.argument)
  if (!(seconds >= 0)) {
    json(call.res, 400, { error: 'not a number of seconds' })
    return
  }
  const gone = new AbortController()
  call.res.once('close', () => gone.abort())
  await sleep(Math.min(seconds, MAX_DELAY_S) * 1000, undefined, { signal: gone.signal })
  await echo(call)
}

async function echo({ req, res, url }: Call): Promise<void> {
  const { body, size } = await readBody(req)
  json(res, 200, {
    method: req.method,
    url: url.pathname + url.search,
    args: Object.fromEntries(url.searchParams),
    headers: req.headers,
    origin: originOf(req),
    size,
    data: body.toString(),
    json: parseJson(body),
  })
}

/** Reads the whole body, and keeps its start. */
async function readBody(req: IncomingMessage): Promise<{ body: Buffer; size: number }> {
  let size = 0
  const kept = Readable.from(
    (async function* () {
      for await (const chunk of req as AsyncIterable<Buffer>) {
        if (size < MAX_BODY_SHOWN) yield chunk.subarray(0, MAX_BODY_SHOWN - size)
        size += chunk.length
      }
    })(),
  )
  return { body: await buffer(kept), size }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return null
  }
}

async function bytes({ res, argument }: Call): Promise<void> {
  const length = Math.min(Number(argument), MAX_BYTES)
  res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': length })
  const chunk = randomBytes(Math.min(CHUNK, length))
  const chunks = function* (): Generator<Buffer> {
    for (let left = length; left > 0; left -= CHUNK) yield chunk.subarray(0, left)
  }
  await pipeline(Readable.from(chunks()), res)
}

async function lines({ req, res, url, argument }: Call): Promise<void> {
  const count = Math.min(Number(argument), MAX_LINES)
  res.writeHead(200, { 'content-type': 'application/json' })
  const made = function* (): Generator<string> {
    for (let id = 0; id < count; id++) yield `${JSON.stringify({ id, url: url.pathname, headers: req.headers })}\n`
  }
  await pipeline(Readable.from(made()), res)
}

function gzip({ req, res }: Call): void {
  const body = gzipSync(JSON.stringify({ gzipped: true, headers: req.headers, method: req.method }))
  res.writeHead(200, {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'content-length': body.length,
  })
  res.end(body)
}

/** The client's address, as the gateway tells it. */
function originOf(req: IncomingMessage): string {
  return String(req.headers['x-forwarded-for'] ?? req.socket.remoteAddress)
}

function json(res: ServerResponse, code: number, value: unknown): void {
  const body = `${JSON.stringify(value, null, 2)}\n`
  res.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}
