import type { DeviceFile, Machine } from './machine.ts'
import { type PciFunction, pciIds } from './pci.ts'
import type { Problem } from './problem.ts'

/**
 * The problems between the PCI bus and /dev/dlb<n>: the first link of that chain that is missing,
 * and files that this user may not open.
 */
export function driverProblems(machine: Machine, wantedId: number | undefined): Problem[] {
  const { deviceFiles } = machine
  const unusable = deviceFiles.filter(({ usable }) => !usable).map(permissionProblem)
  if (deviceFiles.length > 0) return [...unusable, ...strayProblems(machine)]
  return [missingProblem(machine, wantedId)]
}

function missingProblem(machine: Machine, wantedId: number | undefined): Problem {
  const { driver, pciFunctions, driverDevices } = machine
  if (driverDevices.length > 0) return unmappedProblem(driverDevices.map(({ id }) => id))
  if (pciFunctions.length === 0) return driver.loaded ? idleDriver : noHardware(wantedId)
  if (!driver.loaded) return unloadedProblem(pciFunctions)
  return (
    strayProblems(machine)[0] ?? {
      about: 'device-file',
      problem: 'the driver dlb2 has the device, and there is no /dev/dlb<n>',
      fix:
        'in a container, map it (docker run --device /dev/dlb0); ' +
        'on the host, see what the driver says: sudo dmesg | grep dlb',
    }
  )
}

function noHardware(wantedId: number | undefined): Problem {
  const wanted = wantedId === undefined ? '' : `, so no dlb device ${wantedId}`
  return {
    about: 'device',
    problem: `this machine has no DLB${wanted}: no PCI device ${pciIds.join(', ')}`,
    fix:
      'a CPU without DLB needs no fix: auto takes the software device. Some models of 4th generation Xeons and newer ' +
      'have it, unless it is turned off in the BIOS or not passed on to this virtual machine',
  }
}

const idleDriver: Problem = {
  about: 'device',
  problem: `the driver dlb2 is loaded and has no device: there is no PCI device ${pciIds.join(', ')}`,
  fix: 'turn DLB on in the BIOS, or pass the device on to this virtual machine; not every CPU model has one',
}

function unloadedProblem(functions: readonly PciFunction[]): Problem {
  const taken = functions.find(({ driver }) => driver !== null)
  return {
    about: 'driver',
    problem: `the driver dlb2 is not loaded: ${functionsText(functions)} cannot be used`,
    fix:
      'build it from Intel’s dlb_linux_src_release (make in its folder driver/dlb2), and load it: sudo insmod dlb2.ko' +
      (taken === undefined ? '' : `; then take ${taken.address} from ${taken.driver}: ${rebinding(taken)}`),
  }
}

/**
 * Physical functions that have another driver, or none. Usually somebody gave them to vfio-pci for
 * DPDK. Virtual functions are left out, because they are configured unbound.
 */
function strayProblems({ driver, pciFunctions }: Machine): Problem[] {
  const strays = pciFunctions.filter((one) => one.function === 'PF' && one.driver !== driver.name)
  return strays.map((stray) => {
    const driver = stray.driver === null ? 'no driver' : `the driver ${stray.driver}`
    return {
      about: 'driver',
      problem: `PCI device ${stray.address} (${stray.version}) has ${driver}, not dlb2`,
      fix: `if you want it here: ${rebinding(stray)}`,
    }
  })
}

function rebinding({ address, driver }: PciFunction): string {
  const unbind = driver === null ? '' : `echo ${address} | sudo tee /sys/bus/pci/drivers/${driver}/unbind; `
  return `${unbind}echo ${address} | sudo tee /sys/bus/pci/drivers/dlb2/bind`
}

function unmappedProblem(ids: readonly number[]): Problem {
  return {
    about: 'device-file',
    problem: `the driver has ${ids.map((id) => `dlb${id}`).join(', ')}, and /dev has none of them`,
    fix:
      `map one into the container: docker run --device /dev/dlb${ids[0]}; ` +
      'in Kubernetes, limits dlb.intel.com/pf or /vf: 1',
  }
}

function permissionProblem({ path, mode, uid, gid, id }: DeviceFile): Problem {
  return {
    about: 'device-file',
    problem: `this user may not read and write ${path}: its mode is ${mode}, its owner ${uid}:${gid}`,
    fix:
      `give a group the right and join it: node-dlb’s docs/hardware.md has a udev rule, which lasts; for now, ` +
      `sudo chgrp <group> /dev/dlb${id} && sudo chmod 0660 /dev/dlb${id}; in a container, --group-add <gid>`,
  }
}

function functionsText(functions: readonly PciFunction[]): string {
  const [first] = functions
  const more = functions.length > 1 ? ` and ${functions.length - 1} more` : ''
  return `PCI device ${first.address} (${first.version})${more}`
}
