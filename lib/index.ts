/** The balancer. The device on its own is `node-dlb/device`. */
export type { OverLimit } from './balancer/admission.ts'
export {
  type Balancer,
  type BalancerEvents,
  type CloseReport,
  startBalancer,
} from './balancer/balancer.ts'
export type { CloseOptions } from './balancer/close-options.ts'
export type { HoldReason } from './balancer/eligibility.ts'
export type { DeviceFacts, FallbackPolicy } from './balancer/fabric.ts'
export type { Health } from './balancer/health.ts'
export type { ListenerOptions } from './balancer/listener-settings.ts'
export type { BalancerOptions } from './balancer/options.ts'
export { type PolicyName, policyNames } from './balancer/policies/index.ts'
export type { RollingReport } from './balancer/rolling.ts'
export { EntryFailedError } from './balancer/startup.ts'
export type { BalancerStats, ConnectionStats, ListenerStats, WorkerStats } from './balancer/stats.ts'
export type { Death, WorkerState } from './balancer/supervisor.ts'
export { type ErrorCode, errorCodes, NodeDlbError } from './errors.ts'
export { type DrainNotice, onDrain } from './worker/drain-notice.ts'
export { attach, reportOverloaded, workerIndex } from './worker/this-worker.ts'
