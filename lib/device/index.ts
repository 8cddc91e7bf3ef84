/** The queue device on its own: no addon, no balancer. Published as `node-dlb/device`. */
export { type ErrorCode, errorCodes, NodeDlbError } from '../errors.ts'
export * from './device.ts'
export {
  EventBuffer,
  type EventFields,
  SchedulingType,
  type SchedulingTypeName,
  type SchedulingTypeValue,
} from './event-buffer.ts'
export { attachDomain, type OpenOptions, openDevice } from './open.ts'
