import { Command } from 'commander'
import { type DevicesFlags, devices } from './devices.ts'
import { parseDeviceId } from './parse.ts'

const help = `
It changes nothing: each device is opened and closed again. The exit code is 0 whatever it finds, 2 for wrong usage.`

export function devicesCommand(): Command {
  return new Command('devices')
    .description('print DLB devices, what is free on them, what auto would choose and why, and what is wrong')
    .option('--json', 'print it as JSON')
    .option('--library <file>', 'libdlb: a file, or a name for dlopen (default: NODE_DLB_LIBRARY, then libdlb.so)')
    .option('--id <n>', 'the device that you want, the n of /dev/dlb<n> (default: the first that opens)', parseDeviceId)
    .addHelpText('after', help)
    .action((flags: DevicesFlags) => devices(flags))
}
