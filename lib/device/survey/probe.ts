import { NodeDlbError } from '../../errors.ts'
import type { DlbLibrary } from '../../native-dlb.ts'
import type { Device, Resources } from '../device.ts'
import { OpenDlbDevice } from '../dlb/device.ts'
import { isSystemError } from '../dlb/failure.ts'
import { type DlbOpenOptions, deviceNumbers, inspectLibrary, openExactly } from '../dlb/library.ts'
import type { DlbCapabilities } from '../dlb/types.ts'
import { openDevice } from '../open.ts'

/** The reason for which something could not be opened. */
export interface Failure {
  /** An error code of docs/errors.md, or null. */
  readonly code: string | null
  readonly message: string
  /** The underlying message: the loader's, or libdlb's. */
  readonly cause: string | null
  /** Such as `EACCES`; null if libdlb gave none. */
  readonly errno: string | null
}

export interface LibraryReport {
  /** The file or name that was looked for. */
  readonly name: string
  /** The file that was loaded, or null. */
  readonly file: string | null
  /** True for the tests' stand-in for libdlb, whose devices are software. */
  readonly standIn: boolean
  readonly error: Failure | null
}

/** A device that was opened and closed again, or did not open. */
export interface DeviceReport {
  readonly id: number
  readonly version: string | null
  readonly standIn: boolean
  readonly capabilities: DlbCapabilities | null
  /** The resources that are free now, over all processes. */
  readonly resources: Resources | null
  readonly error: Failure | null
}

/** What `openDevice({ device: 'auto' })` opens with the same `id` and `library`, and why. */
export interface Choice {
  /** null if it throws; then `reason` is the error's message. */
  readonly kind: 'dlb' | 'software' | null
  readonly id: number | null
  readonly version: string | null
  readonly reason: string
}

export interface Probe {
  readonly library: LibraryReport
  readonly devices: readonly DeviceReport[]
  readonly software: { readonly version: string; readonly resources: Resources }
  readonly auto: Choice
}

/**
 * Finds out what can only be learned by loading libdlb and opening devices. libdlb may print to
 * stdout meanwhile.
 */
export function probe(options: DlbOpenOptions): Probe {
  const name = options.library ?? process.env.NODE_DLB_LIBRARY ?? 'libdlb.so'
  const found = trying(() => inspectLibrary(options))
  const software = openDevice({ device: 'software' })
  return {
    library: {
      name,
      file: found.value?.file ?? null,
      standIn: found.value?.standIn ?? false,
      error: found.error,
    },
    devices: found.value === null ? [] : probeDevices(options, found.value),
    software: { version: software.version, resources: software.resources() },
    auto: choose(options),
  }
}

function probeDevices(options: DlbOpenOptions, library: DlbLibrary): DeviceReport[] {
  const reports = deviceNumbers(library).map((id) => probeDevice({ ...options, id }, library.standIn))
  // The numbers of the stand-in's devices can only be found by trying.
  return library.standIn ? reports.filter(({ error }) => error?.errno !== 'ENOENT') : reports
}

function probeDevice(options: DlbOpenOptions & { id: number }, standIn: boolean): DeviceReport {
  const { id } = options
  const { value, error } = trying(() => {
    const device = new OpenDlbDevice(options, 'asked for', openExactly)
    return closing(device, ({ version, capabilities }) => ({ version, capabilities, resources: device.resources() }))
  })
  return { id, standIn, ...(value ?? { version: null, capabilities: null, resources: null }), error }
}

function choose(options: DlbOpenOptions): Choice {
  const { value, error } = trying(() =>
    closing(openDevice({ ...options, device: 'auto' }), ({ kind, id, version, reason }) => {
      return { kind, id, version, reason }
    }),
  )
  return value ?? { kind: null, id: null, version: null, reason: error?.message ?? '' }
}

function closing<D extends Device, T>(device: D, read: (device: D) => T): T {
  try {
    return read(device)
  } finally {
    device.close()
  }
}

type Outcome<T> = { readonly value: T; readonly error: null } | { readonly value: null; readonly error: Failure }

/** Makes an error part of the report, if the library or the driver refused something. */
function trying<T>(read: () => T): Outcome<T> {
  try {
    return { value: read(), error: null }
  } catch (error) {
    if (!(error instanceof NodeDlbError)) throw error
    const { code, message, cause } = error
    const text = cause instanceof Error ? cause.message : null
    return { value: null, error: { code, message, cause: text, errno: isSystemError(cause) ? cause.code : null } }
  }
}
