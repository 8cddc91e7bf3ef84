import type { DlbAlert } from './types.ts'

const watchdog = 2

/**
 * libdlb calls back for hardware errors, too, with an id that it did not set. A reset of the device is one only if the
 * ports say so; what is neither that nor the watchdog's is taken for an error.
 */
export function readAlert(id: number, data: number, isReset: boolean): DlbAlert {
  if (isReset) return { type: 'device-reset' }
  if (id !== watchdog) return { type: 'hardware-error' }
  const kind = (data & 0x100) !== 0 ? 'load-balanced' : 'directed'
  return { type: 'cq-watchdog', port: { kind, id: data & 0xff } }
}
