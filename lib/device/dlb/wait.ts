import { NodeDlbError } from '../../errors.ts'
import type { NativeDlbPort } from '../../native-dlb.ts'
import { checkChoice, checkInteger, readOptions } from '../check.ts'
import type { PortId } from '../device.ts'
import { code, portError } from './codes.ts'
import type { AttachOptions, WaitMode } from './types.ts'

export interface Wait {
  readonly mode: WaitMode
  readonly timeoutNs: number
  readonly sleepNs: number
}

/** libdlb's wait types. */
const types: Readonly<Record<WaitMode, number>> = { interrupt: 0, 'low-power': 1, poll: 2, 'sleep-poll': 3 }
const mostNs = 100_000_000
const einval = 22

export function checkAttachOptions(options: AttachOptions): Wait {
  const given = readOptions('options', options, ['wait', 'timeoutNs', 'sleepNs'])
  const { wait: mode = 'interrupt', timeoutNs = 50_000, sleepNs = 10_000 } = given
  checkChoice('wait', mode, Object.keys(types))
  checkInteger('timeoutNs', timeoutNs, 0, mostNs)
  checkInteger('sleepNs', sleepNs, 1000, mostNs)
  return { mode, timeoutNs, sleepNs }
}

/** Reads libdlb's wait profile. */
export function readWait([type, timeoutNs, sleepNs]: readonly [number, number, number]): Wait {
  const modes = Object.keys(types) as WaitMode[]
  return { mode: modes.find((mode) => types[mode] === type) ?? 'interrupt', timeoutNs, sleepNs }
}

/**
 * Sets the wait profile. Mode `interrupt` needs none, because interrupts come through the eventfd.
 * If this fails, the port is detached again.
 */
export function setWait(native: NativeDlbPort, id: PortId, { mode, timeoutNs, sleepNs }: Wait): void {
  if (mode === 'interrupt') return
  const result = native.setWaitProfile(types[mode], timeoutNs, sleepNs)
  if (result === 0) return
  native.detach()
  if (result !== code.errno - einval) throw portError(result, id, 'dlb_set_wait_profile')
  throw new NodeDlbError('ERR_DLB_UNSUPPORTED', `this machine cannot wait by ${mode}; its CPU has no umwait`)
}
