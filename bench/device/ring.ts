import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { finish, Gate } from './gate.ts'

/**
 * The floor is a bare ring of 16-byte items in shared memory, with one producer, one consumer and
 * batches of 32. It has no queues, no scheduling, no credits, and nothing that can fail.
 */
const items = 20_000_000
const batch = 32
const size = 1024
const tail = 0
const head = 16
const data = 32

if (isMainThread) {
  const ring = new Int32Array(new SharedArrayBuffer((data + size * 4) * 4))
  const gate = new Gate(2)
  for (const produces of [true, false])
    new Worker(new URL(import.meta.url), { workerData: { ring, gate: gate.memory, produces } })
  await finish(gate, items, () => Atomics.load(ring, head))
} else {
  const {
    ring,
    gate: memory,
    produces,
  } = workerData as { ring: Int32Array; gate: Int32Array<SharedArrayBuffer>; produces: boolean }
  const gate = new Gate(2, memory)
  const own = new Int32Array(batch * 4)
  gate.arrive()
  if (produces) produce(ring, own, gate)
  else consume(ring, own, gate)
  gate.leave()
}

function produce(ring: Int32Array, own: Int32Array, gate: Gate): void {
  for (let sent = 0; sent < items; sent += batch) {
    gate.until(() => sent + batch - Atomics.load(ring, head) <= size)
    for (let i = 0; i < batch * 4; i++) ring[data + ((sent * 4 + i) & (size * 4 - 1))] = own[i]
    Atomics.store(ring, tail, sent + batch)
  }
}

function consume(ring: Int32Array, own: Int32Array, gate: Gate): void {
  for (let taken = 0; taken < items; taken += batch) {
    gate.until(() => Atomics.load(ring, tail) - taken >= batch)
    for (let i = 0; i < batch * 4; i++) own[i] = ring[data + ((taken * 4 + i) & (size * 4 - 1))]
    Atomics.store(ring, head, taken + batch)
    if (taken >= items / 5) gate.warmedUp()
  }
}
