import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Balancer, PolicyName } from '../lib/index.ts'

const device: readonly PolicyName[] = ['unordered', 'least-connections', 'round-robin']
/**
 * One policy for each way in which connections come to a worker and are counted. Without a device,
 * under nop, the choice of the device makes no difference: tests that run once more on the DLB
 * device leave it out.
 */
export const ways: readonly PolicyName[] = process.env.NODE_DLB_DEVICE === 'dlb' ? device : [...device, 'nop']

export interface Answer {
  readonly body: string
  readonly headers: http.IncomingHttpHeaders
}

/** The port of the balancer's first listener. */
export function portOf(balancer: Balancer): number {
  return (balancer.addresses[0] as AddressInfo).port
}

/** One request on a connection of its own, unless there is an agent. */
export function get(port: number, path = '/', agent: http.Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => (body += chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ body, headers: response.headers }))
    })
    request.once('error', reject)
  })
}

/** `total` times `call`, `atOnce` of them at any moment. */
export async function many(total: number, atOnce: number, call: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < total) await call(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, total) }, caller))
}
