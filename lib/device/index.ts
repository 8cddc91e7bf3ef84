/**
 * The queue device without the balancer, published as `node-dlb/device`. The software device needs
 * no addon.
 */
export { type ErrorCode, errorCodes, NodeDlbError } from '../errors.ts'
export * from './device.ts'
export { Command, setCommand } from './dlb/command.ts'
export type { DlbOpenOptions } from './dlb/library.ts'
export type * from './dlb/types.ts'
export {
  EventBuffer,
  type EventFields,
  SchedulingType,
  type SchedulingTypeName,
  type SchedulingTypeValue,
} from './event-buffer.ts'
export { attachDomain, type OpenOptions, openDevice, openDlbDevice } from './open.ts'
export type { DeviceFile, Driver, Folder, Machine, NumaNode } from './survey/machine.ts'
export type { DriverDevice, PciFunction } from './survey/pci.ts'
export type { Choice, DeviceReport, Failure, LibraryReport } from './survey/probe.ts'
export type { Problem } from './survey/problem.ts'
export type { DevicesReport } from './survey/report.ts'
