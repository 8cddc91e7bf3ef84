import type { DlbOpenOptions } from '../dlb/library.ts'
import { driverProblems } from './driver-problems.ts'
import type { Folder, Machine } from './machine.ts'
import type { DeviceReport, LibraryReport, Probe } from './probe.ts'
import type { Problem } from './problem.ts'
import type { SeparateProbe } from './separately.ts'

/** The size of libdlb's file for a domain. */
const bytesPerDomain = 2_410_912
/**
 * The resources that every balancer needs. It needs directed ports only for policies that send to
 * workers directly.
 */
const needed = {
  domains: 'domain',
  loadBalancedQueues: 'load-balanced queue',
  loadBalancedPorts: 'load-balanced port',
  eventStateEntries: 'event-state entry',
  credits: 'credit',
} as const

/**
 * Finds what is wrong. On a machine without DLB on which nobody asked for it, a missing driver or
 * library is no problem: such a machine uses the software device.
 */
export function findProblems(options: DlbOpenOptions, machine: Machine, separate: SeparateProbe): Problem[] {
  const { probe, ending } = separate
  const has = machine.pciFunctions.length + machine.driverDevices.length + machine.deviceFiles.length > 0
  const named = options.library ?? process.env.NODE_DLB_LIBRARY
  const wanted = has || named !== undefined || options.id !== undefined
  const problems = ending === null ? [] : [endedProblem(ending)]
  if (probe === null) return problems
  const { library, devices, auto } = probe
  if (library.error?.code === 'ERR_DLB_ADDON_UNAVAILABLE') problems.push(addonProblem(library))
  if (!wanted) return problems
  // The stand-in needs neither a driver nor hardware.
  if (!library.standIn || has) problems.push(...driverProblems(machine, options.id))
  if (library.error?.code === 'ERR_DLB_DEVICE_UNAVAILABLE') problems.push(libraryProblem(library, machine))
  problems.push(...machine.folders.flatMap(folderProblems), ...devices.flatMap(deviceProblems(machine)))
  if (library.standIn && devices.length === 0) problems.push(noStandInDevice)
  return [...problems, ...otherProblems(options, auto)]
}

function endedProblem(ending: string): Problem {
  return {
    about: 'library',
    problem: `the process that tried libdlb ended early (${ending})`,
    fix:
      'what it printed is above; give the file of Intel’s libdlb 8.8 by --library, ' +
      'and load the driver of the same release',
  }
}

function addonProblem({ error }: LibraryReport): Problem {
  return {
    about: 'addon',
    problem: `the native addon cannot be loaded: ${firstLine(error?.cause ?? error?.message ?? '')}`,
    fix: 'npm run build:addon in the package’s folder, with a C++17 compiler, make and python3 installed',
  }
}

function libraryProblem({ error }: LibraryReport, { platform }: Machine): Problem {
  if (platform !== 'linux x64') {
    return { about: 'platform', problem: error?.message ?? '', fix: 'use the software device here' }
  }
  return {
    about: 'library',
    problem: `libdlb cannot be used: ${error?.cause ?? error?.message}`,
    fix:
      'build it from Intel’s dlb_linux_src_release (make in its folder libdlb), and name its libdlb.so by --library ' +
      'or NODE_DLB_LIBRARY, or install it where ldconfig finds it',
  }
}

function folderProblems({ path, writable, freeBytes }: Folder): Problem[] {
  if (!writable) {
    return [
      {
        about: 'folder',
        problem: `${path} cannot be written: libdlb makes a file for each domain there`,
        fix: `in a container with a read-only root, mount a tmpfs on ${path} (docker run --tmpfs ${path}, an emptyDir)`,
      },
    ]
  }
  if (!path.endsWith('/shm') || freeBytes === null || freeBytes >= bytesPerDomain) return []
  return [
    {
      about: 'folder',
      problem: `${path} has ${freeBytes} bytes left: a domain’s file has ${bytesPerDomain}`,
      fix: `remove what fills it, or make it larger (docker run --shm-size, an emptyDir of medium Memory)`,
    },
  ]
}

function deviceProblems(machine: Machine): (device: DeviceReport) => Problem[] {
  return ({ id, error, resources }) => {
    const file = machine.deviceFiles.find((candidate) => candidate.id === id)
    // If this user may not open the file, `driverProblems` has reported that.
    if (error !== null) return file?.usable === false ? [] : [openProblem(id, error.message, error.errno)]
    const missing = (Object.keys(needed) as (keyof typeof needed)[]).filter((name) => resources?.[name] === 0)
    if (missing.length === 0) return []
    return [
      {
        about: 'resources',
        problem: `dlb device ${id} has no ${missing.map((name) => needed[name]).join(', no ')} left`,
        fix:
          `end the processes that have them (sudo fuser -v /dev/dlb${id}; their children count, too), or take ` +
          'another device by its id; a virtual function has only what vf<n>_resources of its PF gives it',
      },
    ]
  }
}

const openFixes: Readonly<Record<string, string>> = {
  EACCES: 'give this user read and write permission on it: node-dlb’s docs/hardware.md has a udev rule',
  EPERM: 'map the device into the container by --device, or by a resource of the device plugin, not as a volume',
  EINVAL: 'if the device is not being reset, load the driver of the same release as libdlb',
  EMFILE: 'raise the limit of open files (ulimit -n)',
}

function openProblem(id: number, message: string, errno: string | null): Problem {
  return {
    about: 'device',
    problem: message,
    fix: openFixes[errno ?? ''] ?? `see what the driver says of device ${id}: sudo dmesg | grep dlb`,
  }
}

const noStandInDevice: Problem = {
  about: 'device',
  problem: 'the stand-in for libdlb has no device',
  fix: 'set DLB_SIM to give it some, as devices=0+3',
}

function otherProblems({ id }: DlbOpenOptions, { kind, id: chosen, reason }: Probe['auto']): Problem[] {
  if (id === undefined || kind !== 'dlb' || chosen === id) return []
  return [
    {
      about: 'device',
      problem: reason,
      fix: `give no id, or ${chosen}: in a container you do not choose the number of a mapped device`,
    },
  ]
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]
}
