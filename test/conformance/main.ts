import { Command, Option } from 'commander'
import t from 'tap'
import { machineFacts } from '../../bench/lib/machine.ts'
import { type Measured, type MeasuredOptions, measuredDevice } from '../../bench/lib/measured.ts'
import { exitAfter, WRONG_USAGE } from '../../bench/lib/usage.ts'
import { openDevice } from '../../lib/device/open.ts'
import { conformance } from './index.ts'
import { deaths } from './threads/deaths.ts'
import { threads } from './threads/index.ts'
import type { Open } from './world.ts'

/**
 * `npm run conformance`: the suites of test/device, on the device that this machine has. It prints
 * TAP.
 */
const suites = ['contract', 'threads', 'deaths']
/** For all of it. On two slow cores the longest suite takes half a minute. */
const timeout = 30 * 60_000

const program = new Command('npm run conformance --')
  .description(
    'Holds a queue device to the contract in lib/device/device.ts. It prints TAP; the exit code is 1 if a test fails.',
  )
  .argument('[suite...]', suites.join(', '))
  .addOption(new Option('--device <device>', 'what to test').choices(['auto', 'software', 'dlb']).default('dlb'))
  .option('--id <n>', 'of the DLB device: the n of /dev/dlb<n>', Number)
  .option('--library <file>', 'libdlb (default: NODE_DLB_LIBRARY, then libdlb.so)')
  .option('--require-hardware', 'test nothing but a DLB device through libdlb')
  .exitOverride(exitAfter)
  .parse()
const chosen = program.args.length > 0 ? program.args : suites
for (const name of chosen) {
  if (suites.includes(name)) continue
  program.error(`no suite ${name}; there are ${suites.join(', ')}`, { exitCode: WRONG_USAGE })
}
const measured = measure(program.opts<MeasuredOptions>())
for (const fact of [measured.name, ...measured.facts, ...machineFacts()]) console.log(`# ${fact}`)

const open: Open = () => openDevice(measured.options)
t.setTimeout(timeout)
for (const name of chosen) {
  t.test(`${name}, on the ${measured.name}`, { timeout }, async (t) => {
    if (name === 'threads') threads(t, open)
    else if (name === 'deaths') deaths(t, open)
    // A DLB device is free in which of several queues' events it schedules first.
    else conformance(t, open, measured.options.device === 'software' ? {} : { histories: 0 })
  })
}

function measure(options: MeasuredOptions): Measured {
  try {
    return measuredDevice(options)
  } catch (error) {
    return program.error(`cannot test: ${(error as Error).message}`)
  }
}
