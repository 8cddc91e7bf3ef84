// Not a test that runs: compiling it is the test. What the device's types promise to those who
// write against them.
import { expectTypeOf } from 'expect-type'
import {
  attachDomain,
  type Device,
  type DeviceKind,
  type DomainConfig,
  type DomainToken,
  type ErrorCode,
  type EventBuffer,
  type EventFields,
  NodeDlbError,
  openDevice,
  type Port,
  type PortId,
  type QueueId,
  type SchedulingDomain,
  SchedulingType,
  type SchedulingTypeName,
} from '../../lib/device/index.ts'

expectTypeOf(openDevice).toBeCallableWith()
expectTypeOf(openDevice).toBeCallableWith({ device: 'auto' })
expectTypeOf(openDevice).toBeCallableWith({ device: 'software' })
expectTypeOf(openDevice).toBeCallableWith({ device: 'dlb' })
expectTypeOf(openDevice).returns.toEqualTypeOf<Device>()
// @ts-expect-error not a device
openDevice({ device: 'hardware' })

expectTypeOf<DeviceKind>().toEqualTypeOf<'dlb' | 'software'>()
expectTypeOf<Device['kind']>().toEqualTypeOf<DeviceKind>()
expectTypeOf<Device['reason']>().toBeString()
expectTypeOf<Device['createDomain']>().toEqualTypeOf<(config: DomainConfig) => SchedulingDomain>()
expectTypeOf<Device['close']>().returns.toBeVoid()

// Every share of a domain has a default, and what is given is a number, but for the sizes of its
// ordered queues.
expectTypeOf<Record<never, never>>().toExtend<DomainConfig>()
expectTypeOf<DomainConfig[Exclude<keyof DomainConfig, 'sequenceNumbers'>]>().toEqualTypeOf<number | undefined>()
expectTypeOf<DomainConfig['sequenceNumbers']>().toEqualTypeOf<number | readonly number[] | undefined>()

// Ids are plain data, and do not change.
expectTypeOf<QueueId>().toEqualTypeOf<{ readonly kind: 'load-balanced' | 'directed'; readonly id: number }>()
expectTypeOf<PortId>().toEqualTypeOf<{ readonly kind: 'load-balanced' | 'directed'; readonly id: number }>()

// A port's depth has to be chosen.
expectTypeOf<SchedulingDomain['createLoadBalancedPort']>().toBeCallableWith({ cqDepth: 8 })
expectTypeOf<SchedulingDomain['createDirectedPort']>().parameter(0).toHaveProperty('cqDepth')
expectTypeOf<SchedulingDomain['createLoadBalancedPort']>().parameters.not.toExtend<[undefined]>()
expectTypeOf<SchedulingDomain['createLoadBalancedQueue']>().returns.toEqualTypeOf<QueueId>()

expectTypeOf<SchedulingDomain['share']>().returns.toEqualTypeOf<DomainToken>()
expectTypeOf(attachDomain).toEqualTypeOf<(token: DomainToken) => SchedulingDomain>()
expectTypeOf<SchedulingDomain['attachPort']>().toEqualTypeOf<(port: PortId) => Port>()
expectTypeOf<SchedulingDomain['recover']>().returns.toBeNumber()

// What moves events counts them, and nothing on that path is a bigint or an object per event.
expectTypeOf<Port['send']>().toEqualTypeOf<(events: EventBuffer, count: number, offset?: number) => number>()
expectTypeOf<Port['forward']>().toEqualTypeOf<Port['send']>()
expectTypeOf<Port['receive']>().toEqualTypeOf<(events: EventBuffer, max: number) => number>()
expectTypeOf<Port['release']>().toEqualTypeOf<(count: number) => void>()
expectTypeOf<Port['onReadable']>().parameter(0).toEqualTypeOf<(() => void) | null>()
expectTypeOf<EventBuffer['data64Low']>().returns.toBeNumber()
expectTypeOf<EventBuffer['data64']>().returns.toBeBigInt()

expectTypeOf<SchedulingTypeName>().toEqualTypeOf<'atomic' | 'unordered' | 'ordered' | 'directed'>()
expectTypeOf(SchedulingType.directed).toEqualTypeOf<3>()
expectTypeOf<{ queue: QueueId }>().toExtend<EventFields>()

expectTypeOf<NodeDlbError>().toExtend<Error>()
expectTypeOf<NodeDlbError['code']>().toEqualTypeOf<ErrorCode>()
expectTypeOf<'ERR_DLB_CLOSED'>().toExtend<ErrorCode>()
// @ts-expect-error not in the catalogue
expectTypeOf(new NodeDlbError('ERR_DLB_OTHER', ''))
