import { parentPort, workerData } from 'node:worker_threads'
import { attachDomain, type DomainToken, type PortId, type QueueId, SchedulingType } from '../../../lib/device/index.ts'
import { add, type Board, control, nap, read } from './board.ts'
import { type ConsumeOptions, Consumer } from './consume.ts'
import { type ProduceOptions, Producer } from './produce.ts'
import { Sink } from './sink.ts'

/** What a thread of a test does; one thread has one port. */
export type Role =
  | { readonly kind: 'produce'; readonly options: ProduceOptions }
  /** `sleeps`: it waits for `onReadable` instead of looking again and again. */
  | { readonly kind: 'consume'; readonly options: ConsumeOptions; readonly sleeps?: boolean }
  | { readonly kind: 'sink'; readonly sleeps?: boolean }
  /** Forwards all that comes, from its callback. */
  | { readonly kind: 'echo'; readonly from: QueueId; readonly to: QueueId }
  /** Sends and consumes through the same port, and never rests. */
  | { readonly kind: 'both'; readonly produce: ProduceOptions; readonly consume: ConsumeOptions }

export interface Assignment {
  readonly token: DomainToken
  readonly board: Board
  readonly index: number
  readonly port: PortId
  readonly seed: number
  readonly role: Role
}

const { token, board, index, port: portId, seed, role } = workerData as Assignment
const domain = attachDomain(token)
const port = domain.attachPort(portId)
const events = domain.createEvents(32)

switch (role.kind) {
  case 'produce':
    work(new Producer(board, index, port, events, seed, role.options))
    break
  case 'both':
    workBoth(
      new Producer(board, index, port, events, seed, role.produce),
      new Consumer(board, index, port, domain.createEvents(32), seed, role.consume),
    )
    break
  case 'consume':
    consume(new Consumer(board, index, port, events, seed, role.options), role.sleeps)
    break
  case 'echo':
    echo(role.from, role.to)
    break
  case 'sink':
    consume(new Sink(board, index, port, events), role.sleeps)
}

function work(worker: { run(): void }): void {
  ready()
  worker.run()
  domain.close()
}

function workBoth(producer: Producer, consumer: Consumer): void {
  ready()
  while (!producer.finished) {
    producer.step()
    consumer.step()
  }
  consumer.run()
  domain.close()
}

function consume(worker: Consumer | Sink, sleeps = false): void {
  if (sleeps) {
    ready()
    sleep(worker)
  } else work(worker)
}

/** Ends when the domain is closed: its port does not hold its loop open any more. */
function echo(from: QueueId, to: QueueId): void {
  port.link(from)
  port.onReadable(() => {
    const n = port.receive(events, events.length)
    for (let i = 0; i < n; i++) events.setTarget(i, to.id, SchedulingType.directed, 0)
    for (let forwarded = 0; forwarded < n; ) {
      forwarded += port.forward(events, n - forwarded, forwarded)
      if (forwarded < n) nap(board)
    }
  })
  ready()
}

function ready(): void {
  add(board, control.ready, 1)
  Atomics.notify(board.control, control.ready)
}

/**
 * Works while woken. Nothing that is held must wait for another event, which might be waiting for
 * it.
 */
function sleep(worker: Consumer | Sink): void {
  const completeAll = (): void => {
    while (worker instanceof Consumer && worker.holds > 0) if (!worker.step()) nap(board)
  }
  port.onReadable(() => {
    worker.step()
    completeAll()
  })
  parentPort?.once('message', () => {
    if (read(board, control.consumersStop) === 0) throw new Error('told to stop before the others')
    port.onReadable(null)
    worker.run()
    domain.close()
  })
  // The port alone holds the loop open.
  parentPort?.unref()
}
