import t from 'tap'
import { Closing, type ClosingParts } from '../../lib/balancer/closing.ts'
import { ignore } from './clients.ts'

t.test('a listener of an event that closing emits can close again', async (t) => {
  let begun = 0
  let again: Promise<unknown> | undefined
  const closing: Closing = new Closing({
    ledger: { nothingWaits: true },
    recovery: { refuseAll: () => [] },
    guard: { release: ignore },
    dispatch: { dealer: { stop: ignore }, domain: { close: ignore } },
    acceptSwitch: { close: ignore },
    admission: null,
    table: {
      stopListening: () => {
        again = closing.close('SIGTERM', 0)
      },
    },
    datagrams: { close: ignore },
    workers: {},
    supervisor: { stopRespawning: ignore, exitCode: 0 },
    starts: { failAll: ignore },
    rolling: { stop: ignore },
    drains: { create: () => ({ begun: ++begun, isOver: true }), hurry: ignore, run: async () => 0 },
    watches: [],
    cuts: { countWaiting: ignore },
    snapshots: { close: ignore, keepLast: () => ({}) },
    events: { emit: ignore },
  } as unknown as ClosingParts)
  const closed = closing.close('SIGTERM', 1000)
  t.equal(again, closed)
  t.equal(begun, 1)
  t.match(await closed, { cut: 0, exitCode: 0 })
})
