import os from 'node:os'
import { readMachine } from '../../lib/device/survey/machine.ts'

/** Returns the facts of the machine that a figure has to be read with. */
export function machineFacts(): string[] {
  const cpus = os.cpus()
  return [
    `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'}, ${os.type()} ${os.release()} ${os.arch()}`,
    ...readMachine().numaNodes.map(({ node, cpus }) => `NUMA node ${node}: CPUs ${cpus}`),
    `Node ${process.version} (V8 ${process.versions.v8})`,
    `load average ${os
      .loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')} at the start: other work on the machine widens the spreads`,
  ]
}
