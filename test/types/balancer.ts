// Not a test that runs: compiling it is the test. What the balancer's types promise to those who
// use it.
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expectTypeOf } from 'expect-type'
import {
  attach,
  type Balancer,
  type BalancerOptions,
  type BalancerStats,
  type CloseReport,
  type DeviceFacts,
  type DrainNotice,
  type EntryFailedError,
  type NodeDlbError,
  onDrain,
  type PolicyName,
  startBalancer,
  workerIndex,
} from '../../lib/index.ts'

expectTypeOf(startBalancer).toEqualTypeOf<(options: BalancerOptions) => Promise<Balancer>>()
expectTypeOf(startBalancer).toBeCallableWith({ entry: './server.js' })
expectTypeOf(startBalancer).toBeCallableWith({ entry: new URL('file:///server.js'), workers: 4, policy: 'round-robin' })
// Values that may be absent pass through, as from a parsed command line.
expectTypeOf(startBalancer).toBeCallableWith({ entry: './server.js', workers: undefined, debug: undefined })
expectTypeOf(startBalancer).toBeCallableWith({
  entry: './server.js',
  device: 'dlb',
  id: 3,
  library: '/opt/dlb/libdlb.so',
  fallbackPolicy: 'exact',
  maxRetries: null,
})
// @ts-expect-error the entry is needed
void startBalancer({ workers: 4 })
// @ts-expect-error not an option
void startBalancer({ entry: './server.js', threads: 4 })
// @ts-expect-error not a fallback
void startBalancer({ entry: './server.js', fallbackPolicy: 'unordered' })
// @ts-expect-error not a policy
void startBalancer({ entry: './server.js', policy: 'random' })
expectTypeOf<PolicyName>().toEqualTypeOf<
  'unordered' | 'least-connections' | 'exact' | 'round-robin' | 'affinity' | 'nop'
>()

expectTypeOf<Balancer['addresses']>().toEqualTypeOf<(AddressInfo | string)[]>()
expectTypeOf<Balancer['stats']>().toEqualTypeOf<() => BalancerStats>()
expectTypeOf<Balancer['close']>().returns.toEqualTypeOf<Promise<CloseReport>>()
expectTypeOf<Balancer['close']>().toBeCallableWith()
expectTypeOf<Balancer['close']>().toBeCallableWith({ timeout: 0, signal: 'SIGINT' })
expectTypeOf<CloseReport['cut']>().toBeNumber()

declare const balancer: Balancer
balancer.on('listening', (address) => expectTypeOf(address).toEqualTypeOf<AddressInfo | string>())
balancer.on('close', (report) => expectTypeOf(report).toEqualTypeOf<CloseReport>())
balancer.on('error', (error) => expectTypeOf(error).toEqualTypeOf<NodeDlbError>())
balancer.on('fallback', (device) => expectTypeOf(device).toEqualTypeOf<BalancerStats['device']>())
balancer.on('cut', ({ worker, connections }) => expectTypeOf([worker, connections]).toEqualTypeOf<number[]>())
balancer.on('worker-exit', ({ worker }) => expectTypeOf(worker).toBeNumber())

// A snapshot cannot be written to, and each term of the law is in it.
expectTypeOf<BalancerStats['device']>().toEqualTypeOf<DeviceFacts>()
expectTypeOf<DeviceFacts['kind']>().toEqualTypeOf<'dlb' | 'software' | 'none'>()
expectTypeOf<BalancerStats['connections']>().toExtend<
  Readonly<Record<'accepted' | 'adopted' | 'refused' | 'shed' | 'inFlight' | 'active' | 'closed', number>>
>()

// What attach() gives back is the server that it got.
declare const server: HttpServer
expectTypeOf(attach(server)).toEqualTypeOf<HttpServer>()
expectTypeOf(onDrain).toEqualTypeOf<(callback: (drain: DrainNotice) => void) => () => void>()
expectTypeOf<DrainNotice>().toEqualTypeOf<{
  readonly worker: number
  readonly signal: NodeJS.Signals
  readonly deadline: number
  readonly timeout: number
}>()
expectTypeOf(workerIndex).returns.toEqualTypeOf<number | null>()

expectTypeOf<EntryFailedError>().toExtend<NodeDlbError>()
expectTypeOf<EntryFailedError['exitCode']>().toBeNumber()
