import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { BackendFailure } from './failures.ts'
import { codingOf, endToEnd, MAX_FIELDS, type Message, tokens, without } from './fields.ts'
import { SERVER_NAME } from './reply.ts'

/** The start of an answer, as it is written to the client. */
export interface AnswerHead {
  readonly status: number
  readonly phrase: string
  readonly fields: string[]
}

/** What a backend says of an answer that is to come. */
export type Information = Message & Pick<IncomingMessage, 'statusCode' | 'statusMessage'>

const NO_CONTENT = 204

/**
 * Makes the head that the client gets: the backend's fields, and as from Envoy, our name as the
 * server's.
 * @throws BackendFailure
 */
export function answerHead(answer: IncomingMessage): AnswerHead {
  const { statusCode: status = 0, httpVersion, rawHeaders } = answer
  // 0xx is no status, and 1xx is not final.
  if (status < 200) throw new BackendFailure(502, `answered with status ${status}`)
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw new BackendFailure(502, `answered in HTTP/${httpVersion}`)
  if (rawHeaders.length > 2 * MAX_FIELDS) throw new BackendFailure(502, `sent more than ${MAX_FIELDS} header fields`)
  const coding = codingOf(answer)
  if (coding === 'unknown') throw new BackendFailure(502, 'answered in a transfer coding other than chunked')
  if (coding !== 'none' && httpVersion === '1.0') {
    throw new BackendFailure(502, 'answered in HTTP/1.0 with a transfer coding')
  }
  return { status, phrase: phraseOf(answer), fields: answerFields(answer, status) }
}

export function answerFields(answer: Message, status: number): string[] {
  // RFC 9110 §8.6: an answer of these has no length.
  const hasNoLength = status < 200 || status === NO_CONTENT
  const fields = without(endToEnd(answer), (name) => name === 'server' || (name === 'content-length' && hasNoLength))
  return [...fields, 'server', SERVER_NAME]
}

/**
 * Returns the phrase as it came, byte by byte, if it is a valid one (RFC 9112 §4), else the usual
 * one.
 */
export function phraseOf({ statusCode = 0, statusMessage = '' }: Information): string {
  return /[^\t\x20-\x7e\x80-\xff]/.test(statusMessage) ? (STATUS_CODES[statusCode] ?? '') : statusMessage
}

/** A whole head that has no body after it, to be written as latin1. */
export function informationText(information: Information): string {
  return headText(information, endToEnd(information))
}

/**
 * Makes the text of a 101, which hands the connection over.
 * @throws BackendFailure
 */
export function switchingText(answer: IncomingMessage): string {
  const { upgrade = '' } = answer.headers
  if (!tokens(upgrade).includes('websocket')) {
    throw new BackendFailure(502, 'switched to a protocol that nobody asked for')
  }
  return headText(answer, [...answerFields(answer, 101), 'connection', 'Upgrade', 'upgrade', upgrade])
}

function headText(head: Information, fields: readonly string[]): string {
  const lines = [`HTTP/1.1 ${head.statusCode} ${phraseOf(head)}`]
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
