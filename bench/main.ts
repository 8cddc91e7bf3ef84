import { Command, InvalidArgumentError, Option } from 'commander'
import { casesOf } from './balancer/cases.ts'
import { killAll } from './balancer/child.ts'
import { trials } from './balancer/trials/index.ts'
import { type DeviceSuite, deviceSuite } from './device/suite.ts'
import { machineFacts } from './lib/machine.ts'
import type { MeasuredOptions } from './lib/measured.ts'
import { progress } from './lib/progress.ts'
import { runRounds } from './lib/rounds.ts'
import { textTables } from './report/text.ts'

interface Options extends MeasuredOptions {
  readonly rounds?: number
  readonly short?: true
  readonly seconds?: number
  readonly peer: string[]
  readonly list?: true
}

const program = new Command('npm run bench --')
  .description(
    'Measures the balancer beside other ways to share connections, a queue device (the software device unless said), and the binding to libdlb. It stops by itself.',
  )
  .argument('[trial...]', 'any part of a name, such as stall or unordered; --list gives the names')
  .option('--short', 'less of each trial, and fewer peers: at most three minutes for all of them')
  .option('--rounds <n>', 'how often each trial runs; default 7, with --short 3', wholeNumber)
  .option('--seconds <n>', 'no load runs for longer; default 10, with --short 1', Number)
  .option('--peer <name>', 'any part of a name of what the balancer is compared with; repeatable', collect, [])
  .addOption(
    new Option('--device <device>', 'what to measure').choices(['auto', 'software', 'dlb']).default('software'),
  )
  .option('--id <n>', 'of the DLB device: the n of /dev/dlb<n>', Number)
  .option('--library <file>', 'libdlb; default: NODE_DLB_LIBRARY, then libdlb.so, or for the binding the stand-in')
  .option('--require-hardware', 'measure nothing but a DLB device through libdlb')
  .option('--list', 'only list the trials')
  .parse()
const { rounds, short = false, seconds, peer, list, ...deviceOptions } = program.opts<Options>()
const words = program.args
const wanted = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word))

const device = openSuite()
const scale = { seconds: seconds ?? (short ? 1 : 10), warmUpSeconds: short ? 0.5 : 1 }
const found = trials.map((trial) => casesOf(trial, { scale, short, peers: peer }))
const cases = [...found.flatMap((one) => one.cases).filter(({ group }) => wanted(group)), ...(device?.cases ?? [])]
if (cases.length === 0) program.error('no such trial; --list gives the names')
if (list) console.log(cases.map(({ name }) => name).join('\n'))
else await run()

async function run(): Promise<void> {
  process.on('exit', killAll)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  console.log([...(device?.facts ?? []), ...machineFacts()].join('\n'))
  for (const { name, why } of found.flatMap((one) => one.skipped))
    if (wanted(name)) console.log(`skipped: ${name}: ${why}`)
  device?.prepare()
  const results = await runRounds(cases, rounds ?? (short ? 3 : 7), progress)
  progress('')
  const title = device ? `${device.name}: median` : 'median'
  console.log(`\n${title} (least–greatest) of the rounds\n`)
  console.log(textTables(results))
  for (const line of device?.conclude(results) ?? []) console.log(line)
  for (const { name, failure } of results) {
    if (failure !== null) console.error(`failed: ${name}: ${failure}`)
  }
  if (results.some(({ failure }) => failure !== null)) process.exitCode = 1
}

function openSuite(): DeviceSuite | null {
  try {
    return deviceSuite(deviceOptions, wanted)
  } catch (error) {
    return program.error(`cannot measure: ${(error as Error).message}`)
  }
}

function wholeNumber(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return n
}

function collect(text: string, all: readonly string[]): string[] {
  return [...all, text]
}
