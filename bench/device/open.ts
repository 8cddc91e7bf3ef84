import { type Device, type OpenOptions, openDevice } from '../../lib/device/index.ts'

const variable = 'NODE_DLB_BENCH_DEVICE'

/** Tells the processes of the trials which device to measure. */
export function tellTrials(options: OpenOptions): void {
  process.env[variable] = JSON.stringify(options)
}

/** In a trial, opens the device to measure; the software device if the trial is run by itself. */
export function openMeasured(): Device {
  return openDevice(JSON.parse(process.env[variable] ?? '{ "device": "software" }') as OpenOptions)
}
