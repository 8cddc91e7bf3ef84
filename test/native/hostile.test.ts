import { closeSync, openSync } from 'node:fs'
import { types } from 'node:util'
import t from 'tap'
import { loadAddon, type NativeListener } from '../../lib/native.ts'
import type { NativeDlbPort } from '../../lib/native-dlb.ts'
import { attack, attackAll, type Calls, hostileValues, methodsOf, object, only, whole } from '../device/hostile.ts'
import { StandIn, supported } from '../dlb/stand-in.ts'
import { simLibrary } from '../sim/library.ts'

// Each call is made in this process, which has to survive it, with the descriptors that it has.

const addon = loadAddon()
const standIn = supported ? await StandIn.load() : null
const mostFds = 2 ** 31 - 1
// One that is not open.
const fd = whole(mostFds, 0, mostFds)
const int = whole(0, -(2 ** 31), mostFds)
const count = whole(0, 0, 2 ** 32 - 1)
const text = only('x')
const bytes = only(new Uint8Array(1))
const words = (length: number) => only(new Int32Array(length), (value) => types.isInt32Array(value))
const shared = (length: number) =>
  only(
    new Int32Array(new SharedArrayBuffer(length * 4)),
    (value) => types.isInt32Array(value) && types.isSharedArrayBuffer(value.buffer),
  )
const callback = only(
  () => undefined,
  (value) => typeof value === 'function',
)
const boolean = only(false, (value) => typeof value === 'boolean')

function isCoded(error: unknown): boolean {
  return error instanceof Error && /^[A-Z_]+$/.test(String((error as NodeJS.ErrnoException).code))
}

const functions: Calls = {
  closeFd: [fd],
  resetFd: [fd],
  peekFd: [fd, bytes],
  skipFd: [fd, count],
  replyAndCloseFd: [fd, bytes],
  clientOf: [fd],
  unreadOfFd: [fd],
  writeWithoutWaiting: [fd, bytes],
  thisThread: [],
  threadCpu: [int],
  isReady: [int, int],
  shareListening: [fd],
  dupFd: [fd],
  guardLedger: [shared(8), shared(16), whole(16, 1, 2 ** 32 - 1), whole(5, 0, 5)],
  releaseLedger: [count],
  openWaker: [callback],
  wake: [count],
  closeWaker: [count],
  fdLimit: [],
  inspectDlbLibrary: [text],
  attachDlbPort: [only({}), boolean, whole(0, 0, 255), whole(0, 0, mostFds), boolean],
}
const classes = ['Listener', 'DlbDevice', 'DlbDomain']

t.test('every function refuses what it cannot take, and closes nothing', async (t) => {
  const witness = openSync('/dev/null', 'r')
  t.same(methodsOf(addon), [...Object.keys(functions), ...classes].sort(), 'every export is called')
  for (const [name, params] of Object.entries(functions)) {
    attack(t, name, Reflect.get(addon, name) as () => unknown, params, isCoded)
  }
  t.doesNotThrow(() => closeSync(witness), 'descriptors are as they were')
})

t.test('a listener refuses what it cannot take', async (t) => {
  const spec = {
    address: only('127.0.0.1'),
    port: whole(0, 0, 65_535),
    path: only('', (value) => value === ''),
    backlog: whole(1, -(2 ** 31), mostFds),
    ipv6Only: boolean,
    reusePort: boolean,
    noDelay: boolean,
    deferAccept: boolean,
  }
  const shared = { fd: only(mostFds), exclusive: boolean }
  const fds = only(new Int32Array(2))
  const make = (...values: unknown[]): unknown => Reflect.construct(addon.Listener, values)
  attack(t, 'new Listener', make, [object(spec), fds, callback], isCoded)
  attack(t, 'new Listener, shared', make, [object(shared), fds, callback], isCoded)
  const listener = make(object(spec).valid, new Int32Array(2), () => undefined) as NativeListener
  const calls: Calls = {
    accept: [],
    acceptInto: [words(1), count],
    pause: [],
    resume: [],
    hold: [boolean],
    close: [boolean],
    fd: [],
    address: [],
    isInPlace: [],
    hasFile: [],
    copyPermissionsTo: [text],
    hasWaiting: [],
    isConnection: [fd],
    counters: [],
  }
  attackAll(t, listener, calls, isCoded)
  listener.close(false)
  attackAll(t, listener, calls, isCoded)
})

const domainFields = {
  loadBalancedQueues: whole(1, 0, 1),
  loadBalancedPorts: whole(1, 0, 1),
  portsPerClass: object({ 0: whole(0, 0, 0), 1: whole(0, 0, 0), 2: whole(0, 0, 0), 3: whole(0, 0, 0) }),
  directedPorts: whole(1, 0, 1),
  eventStateEntries: whole(8, 0, 8),
  credits: whole(64, 0, 64),
  pool: whole(64, 0, 64),
  directedPool: whole(0, 0, 0),
  sequenceNumberSlots: object({ 0: whole(0, 0, 0), 1: whole(0, 0, 0) }),
  sequenceNumbers: object({ 0: whole(64, 64, 64), 1: whole(64, 64, 64) }),
}
const portFields = {
  directed: only(true, (value) => typeof value === 'boolean'),
  cqDepth: whole(8, 0, 1024),
  eventStateEntries: whole(0, 0, 8),
  classOfService: whole(0, 0, 4),
  producer: boolean,
  queue: whole(-1, -1, 127),
  weight: boolean,
}
const queue = [boolean, whole(0, 0, 255)]
const ofDomain: Calls = {
  isOpen: [],
  facts: [],
  createLoadBalancedQueue: [count, count],
  createDirectedQueue: [whole(-1, -1, 255)],
  createPort: [object(portFields)],
  start: [],
  isStarted: [],
  hasPort: queue,
  target: [whole(0, 0, 1023)],
  setEnabled: [...queue, boolean, boolean],
  recover: [...queue, words(4), count],
  peek: [...queue, words(4), count],
  stats: [],
  statistic: [count, whole(0, 0, 255)],
  depthCounter: [...queue, whole(0, 0, 3)],
  resetDepthCounter: [...queue, whole(0, 0, 3)],
  onAlert: [callback],
  close: [],
}
const ofPort: Calls = {
  // Their arguments are in memory: `call`.
  ...{
    send: [],
    forward: [],
    advancedSend: [],
    sendBeyond: [],
    receive: [],
    receiveWithoutPop: [],
    release: [],
    pop: [],
  },
  lend: [boolean],
  unreleased: [],
  link: [whole(0, 0, 255), whole(0, 0, 7)],
  unlink: [whole(0, 0, 255)],
  setEnabled: [boolean, boolean],
  setWaitProfile: [count, count, count],
  waitProfile: [],
  watch: [only(null, (value) => value === null || typeof value === 'function')],
  hold: [boolean],
  detach: [],
}

if (standIn !== null) {
  t.test('a device, its domains and ports refuse what they cannot take', async (t) => {
    const open = (...values: unknown[]): unknown => Reflect.construct(addon.DlbDevice, values)
    attack(t, 'new DlbDevice', open, [text, whole(0, 0, mostFds)], isCoded)
    const device = new addon.DlbDevice(simLibrary, 0)
    const ofDevice: Calls = {
      facts: [],
      resources: [],
      sequenceNumbers: [whole(0, 0, 1)],
      setSequenceNumbers: [whole(0, 0, 1), whole(64, 64, 64)],
      sequenceNumberGroups: [],
      close: [],
    }
    attackAll(t, device, ofDevice, isCoded)
    const make = (...values: unknown[]): unknown => Reflect.construct(addon.DlbDomain, values)
    attack(
      t,
      'new DlbDomain',
      make,
      [only(device, (value) => typeof value === 'string'), object(domainFields)],
      isCoded,
    )
    for (const foreign of [Object.create(device), new Proxy(device, {}), addon, t]) {
      t.throws(() => make(foreign, object(domainFields).valid), { code: 'ERR_DLB_INVALID_ARGUMENT' })
    }
    const domain = new addon.DlbDomain(device, object(domainFields).valid as never)
    attackAll(t, domain, ofDomain, isCoded)
    const id = domain.createPort(object(portFields).valid as never)
    const port = addon.attachDlbPort(domain, true, id, 0, false) as NativeDlbPort
    attackAll(t, port, ofPort, isCoded)
    t.equal(Reflect.apply(port.watch, undefined, [() => undefined]), 0, 'whatever this is')
    port.watch(null)
    for (const [name, value] of hostileValues()) t.equal(port.lend(true, value as ArrayBuffer), 0, `lend: ${name}`)
    port.detach()
    attackAll(t, port, ofPort, isCoded)
    domain.close()
    attackAll(t, domain, ofDomain, isCoded)
    device.close()
    attackAll(t, device, ofDevice, isCoded)
    for (const name of ['resources', 'sequenceNumberGroups']) {
      t.throws(() => Reflect.apply(Reflect.get(device, name) as () => unknown, device, []), { code: 'ERR_DLB_CLOSED' })
    }
    const none = new addon.DlbDomain('no key')
    t.equal(none.isOpen(), false)
    attackAll(t, none, ofDomain, isCoded)
    for (const [name, params] of Object.entries(ofDomain)) {
      if (name === 'isOpen') continue
      const values = params.map((param) => param.valid)
      t.throws(
        () => Reflect.apply(Reflect.get(none, name) as () => unknown, none, values),
        { code: 'ERR_DLB_CLOSED' },
        name,
      )
    }
    t.throws(() => addon.attachDlbPort(none, false, 0, 0, false), { code: 'ERR_DLB_CLOSED' })
  })
  standIn.finish()
}
