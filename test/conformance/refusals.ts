import type { Test } from 'tap'
import type { Device, DomainConfig, SchedulingDomain } from '../../lib/device/device.ts'
import { type ErrorCode, NodeDlbError } from '../../lib/errors.ts'
import type { Open } from './world.ts'

/** Values that no whole number argument takes. */
export const noNumbers: readonly unknown[] = [1.5, Number.NaN, Number.POSITIVE_INFINITY, '8', null, {}, [8], true, 8n]

/** Passes what the types forbid. */
export function wrong<T>(value: unknown): T {
  return value as T
}

/** The call throws a NodeDlbError with this code. */
export function refused(t: Test, code: ErrorCode, call: () => unknown, what: string): void {
  t.equal(outcome(call), code, what)
}

function outcome(call: () => unknown): string {
  try {
    return `returned ${String(call())}`
  } catch (error) {
    return error instanceof NodeDlbError ? error.code : `threw ${String(error)}`
  }
}

/** Everything that a wrong call could change and that can be seen from outside. */
export function visible(device: Device, domain?: SchedulingDomain): unknown {
  return { resources: device.resources(), ...(domain === undefined ? {} : { stats: domain.stats() }) }
}

/** A device and a domain, closed when the test ends. */
export function setUp(t: Test, open: Open, config: DomainConfig): { device: Device; domain: SchedulingDomain } {
  const device = open()
  const domain = device.createDomain(config)
  t.teardown(() => {
    domain.close()
    device.close()
  })
  return { device, domain }
}
