import t from 'tap'
import * as deviceModule from '../../lib/device/index.ts'
import { EventBuffer, NodeDlbError, openDevice } from '../../lib/device/index.ts'
import * as balancerModule from '../../lib/index.ts'
import { StandIn, supported } from '../dlb/stand-in.ts'
import { attackDevice, isCoded } from './attacks.ts'
import { allOptional, attack, type Calls, hostileValues, object, only, optional, whole } from './hostile.ts'

// Each call is made in this process, which has to survive it.

const standIn = supported ? await StandIn.load() : null
const which = { id: whole(0, 0, 63), library: only('/nowhere/libdlb.so') }
const token = (kind: string) => object({ nodeDlbDomain: only(kind), memory: only(null), key: only(null) })
const isFunction = (value: unknown): boolean => typeof value === 'function'
const exports: Calls = {
  openDevice: [allOptional({ device: only('software'), fallback: only('none'), ...which })],
  openDlbDevice: [allOptional(which)],
  attachDomain: [token('software')],
  setCommand: [only(new EventBuffer(1, 1)), whole(0, 0, 0), only('send'), optional(whole(1, 1, 1024))],
  attach: [only(null)],
  onDrain: [only(() => undefined, isFunction)],
  reportOverloaded: [only(true, (value) => value === true)],
  workerIndex: [],
  // See the test of balancers' options.
  startBalancer: [],
}
const classes = ['EventBuffer', 'NodeDlbError', 'EntryFailedError']

t.test('every export takes any value, and refuses the wrong ones with a code', async (t) => {
  const all = Object.entries({ ...balancerModule, ...deviceModule }).filter(([, value]) => isFunction(value))
  t.same(all.map(([name]) => name).sort(), [...Object.keys(exports), ...classes].sort(), 'every export is called')
  for (const [name, params] of Object.entries(exports)) {
    const [, call] = all.find(([other]) => other === name) ?? []
    attack(t, name, call as () => unknown, params, isCoded)
  }
  attack(t, 'attachDomain', deviceModule.attachDomain as () => unknown, [token('dlb')], isCoded)
  const sizes = [whole(1, 0, 0x7fffffff), whole(1, 1, 65_536)]
  attack(t, 'EventBuffer', (...values) => Reflect.construct(EventBuffer, values), sizes, isCoded)
})

t.test('making an error of anything gives one, or throws one', async (t) => {
  const makes = (make: () => unknown): boolean => {
    try {
      return isCoded(make())
    } catch (error) {
      return isCoded(error)
    }
  }
  for (const [name, value] of hostileValues()) {
    t.ok(
      makes(() => Reflect.construct(NodeDlbError, [value, 'x'])),
      `a code: ${name}`,
    )
    t.ok(
      makes(() => Reflect.construct(NodeDlbError, ['ERR_DLB_LISTEN', value])),
      `a message: ${name}`,
    )
    t.ok(
      makes(() => new NodeDlbError('ERR_DLB_LISTEN', 'x', { cause: value })),
      `a cause: ${name}`,
    )
    t.ok(
      makes(() => Reflect.construct(NodeDlbError, ['ERR_DLB_LISTEN', 'x', value])),
      `options: ${name}`,
    )
    t.ok(
      makes(() => Reflect.construct(balancerModule.EntryFailedError, [value, value, value])),
      `an end: ${name}`,
    )
  }
})

t.test('every method of the software device', async (t) => attackDevice(t, openDevice({ device: 'software' })))

if (standIn !== null) {
  t.test('every method of the DLB device', async (t) => attackDevice(t, standIn.open(t)))
  standIn.finish()
}
