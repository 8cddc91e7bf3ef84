import { parentPort, workerData } from 'node:worker_threads'
import { attachDomain, type DomainToken, type PortId } from '../../lib/device/index.ts'

/** What a thread does that has nothing but its port to live for. */
export type Way = 'held' | 'unheld' | 'held again' | 'stopped' | 'detached' | 'throws' | 'throws and goes on'

export interface Life {
  readonly token: DomainToken
  readonly port: PortId
  readonly way: Way
}

const { token, port: id, way } = workerData as Life
const domain = attachDomain(token)
const port = domain.attachPort(id)
const events = domain.createEvents(8)

const say = (word: string | number): void => parentPort?.postMessage(word)

if (way === 'throws and goes on') process.on('uncaughtException', ({ message }) => say(message))

port.onReadable(() => {
  const n = port.receive(events, 1)
  say(events.data64Low(0))
  if (way.startsWith('throws')) throw new Error(`thrown for ${n}`)
})
if (way === 'unheld' || way === 'held again') port.unref()
if (way === 'held again') port.ref()
if (way === 'stopped') port.onReadable(null)
if (way === 'detached') port.detach()
process.on('beforeExit', () => say('nothing to do'))
say('ready')
