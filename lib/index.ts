/** The balancer. The device on its own is `node-dlb/device`. */

export {
  type Balancer,
  type BalancerEvents,
  type CloseReport,
  startBalancer,
} from './balancer/balancer.ts'
export type { OverLimit } from './balancer/dispatch/admission.ts'
export type { DeviceFacts } from './balancer/dispatch/fabric.ts'
export { type PolicyName, policyNames } from './balancer/dispatch/policies/names.ts'
export type { ListenerOptions } from './balancer/listeners/settings.ts'
export type { CloseOptions } from './balancer/options/close-options.ts'
export type { BalancerOptions, FallbackPolicy } from './balancer/options/options.ts'
export type { Health } from './balancer/stats/health.ts'
export type { BalancerStats, ConnectionStats, ListenerStats, WorkerStats } from './balancer/stats/stats.ts'
export type { HoldReason } from './balancer/workers/eligibility.ts'
export type { RollingReport } from './balancer/workers/rolling-restart.ts'
export { EntryFailedError } from './balancer/workers/start-watch.ts'
export type { Death, WorkerState } from './balancer/workers/supervisor.ts'
export { type ErrorCode, errorCodes, NodeDlbError } from './errors.ts'
export { attach, reportOverloaded, workerIndex } from './this-worker.ts'
export { type DrainNotice, onDrain } from './worker/drain/drain-notice.ts'
