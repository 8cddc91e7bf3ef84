import type { DlbOpenOptions } from '../dlb/library.ts'
import { type Machine, readMachine } from './machine.ts'
import type { Choice, DeviceReport, LibraryReport, Probe } from './probe.ts'
import type { Problem } from './problem.ts'
import { findProblems } from './problems.ts'
import type { SeparateProbe } from './separately.ts'

/** What `node-dlb devices --json` prints. */
export interface DevicesReport {
  /** True if a DLB device opened, and the library is not the stand-in. */
  readonly hardware: boolean
  readonly machine: Machine
  /** null if the process that tried libdlb failed; so are the other parts that need libdlb. */
  readonly library: LibraryReport | null
  readonly devices: readonly DeviceReport[]
  readonly software: Probe['software'] | null
  readonly auto: Choice | null
  readonly environment: { readonly NODE_DLB_DEVICE: string | null; readonly NODE_DLB_LIBRARY: string | null }
  /** The lines that libdlb printed meanwhile. */
  readonly printed: readonly string[]
  readonly problems: readonly Problem[]
}

export function makeReport(options: DlbOpenOptions, separate: SeparateProbe, machine = readMachine()): DevicesReport {
  const { probe, printed } = separate
  const devices = probe?.devices ?? []
  return {
    hardware: devices.some(({ standIn, error }) => !standIn && error === null),
    machine,
    library: probe?.library ?? null,
    devices,
    software: probe?.software ?? null,
    auto: probe?.auto ?? null,
    environment: {
      NODE_DLB_DEVICE: process.env.NODE_DLB_DEVICE ?? null,
      NODE_DLB_LIBRARY: process.env.NODE_DLB_LIBRARY ?? null,
    },
    printed,
    problems: findProblems(options, machine, separate),
  }
}
