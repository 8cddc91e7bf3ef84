import { type Device, type OpenOptions, openDevice } from '../../lib/device/index.ts'

const variable = 'NODE_DLB_BENCH_DEVICE'

/** For the processes of the trials. */
export function tellTrials(options: OpenOptions): void {
  process.env[variable] = JSON.stringify(options)
}

/** In a trial: the device to measure; the software device where the trial is run by itself. */
export function openMeasured(): Device {
  return openDevice(JSON.parse(process.env[variable] ?? '{ "device": "software" }') as OpenOptions)
}
