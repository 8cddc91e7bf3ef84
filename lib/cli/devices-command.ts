import { Command } from 'commander'
import { type DevicesFlags, devices } from './devices.ts'
import { parseDeviceId } from './parse.ts'

const help = `
It changes nothing: it opens each device and closes it again.
The exit code is 0 whatever it finds, and 2 for wrong usage.`

export function devicesCommand(): Command {
  return new Command('devices')
    .description(
      'show the DLB devices of this machine, what is free on them, which device --device auto takes and why, ' +
        'and what is wrong',
    )
    .option('--json', 'print all of it as JSON')
    .option(
      '--library <file>',
      "Intel's libdlb, a file or a library's name (default: NODE_DLB_LIBRARY, else libdlb.so)",
    )
    .option('--id <n>', 'ask for /dev/dlb<n> (default: the lowest that opens)', parseDeviceId)
    .addHelpText('after', help)
    .action((flags: DevicesFlags) => devices(flags))
}
