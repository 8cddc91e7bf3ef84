import { Command, InvalidArgumentError, Option } from 'commander'
import { tellTrials } from './device/open.ts'
import { overheadPairs, prepareOverhead, ratioOf } from './device/overhead.ts'
import { machineFacts } from './lib/machine.ts'
import { type Measured, type MeasuredOptions, measuredDevice } from './lib/measured.ts'
import { type Figures, runRounds, type Trial } from './lib/rounds.ts'
import { formatSpread, spread } from './lib/stats.ts'

/**
 * A device's cost and rate, beside the least that such a thing can cost; and what the binding to libdlb costs, beside the
 * same calls in C. See README.md.
 */
const throughput = (name: string, ...args: string[]): Trial => ({ name, script: path('device/throughput.js'), args })
const alone = (type: string): Trial => ({
  name: `${type}, one thread alone`,
  script: path('device/alone.js'),
  args: [type],
})
const wake = (name: string): Trial => ({ name: `wake: ${name}`, script: path('device/wake.js'), args: [name] })

const softwareTrials: readonly Trial[] = [
  { name: 'ring, batch 32', script: path('device/ring.js'), args: [] },
  throughput('directed, batch 32', 'directed', '--depth=128'),
  throughput('unordered, batch 32', 'unordered', '--depth=128'),
  throughput('atomic, batch 32', 'atomic', '--depth=128'),
  throughput('ordered, batch 32', 'ordered', '--depth=128'),
  alone('directed'),
  alone('unordered'),
  throughput('directed, one by one', 'directed', '--depth=128', '--batch=1', '--events=1000000'),
  throughput('unordered, 4 consumers, depth 8', 'unordered', '--depth=8', '--consumers=4', '--events=4000000'),
  wake('waitAsync'),
  wake('eventfd'),
  wake('device'),
]

const program = new Command('npm run bench --')
  .description(
    'Measures a queue device, the software device unless said, and the binding to libdlb. It takes about five minutes, and stops by itself.',
  )
  .argument('[trial...]', 'any part of a name, such as directed or stand-in; --list gives the names')
  .option('--rounds <n>', 'how often each trial runs, after a round that warms up', wholeNumber, 7)
  .addOption(
    new Option('--device <device>', 'what to measure').choices(['auto', 'software', 'dlb']).default('software'),
  )
  .option('--id <n>', 'of the DLB device: the n of /dev/dlb<n>', Number)
  .option('--library <file>', 'libdlb; default: NODE_DLB_LIBRARY, then libdlb.so, or for the binding the stand-in')
  .option('--require-hardware', 'measure nothing but a DLB device through libdlb')
  .option('--list', 'only list the trials')
  .parse()
const options = program.opts<MeasuredOptions & { rounds: number; list?: boolean }>()
const measured = measure(options)
// On a DLB device the binding is measured over the same library.
const pairs = overheadPairs(measured.options.library ?? options.library)
// A pair runs side by side: what slows the machine meets both.
const trials = [...softwareTrials, ...pairs.flatMap(({ addon, c }) => [c, addon])]
const words = program.args
const chosen = trials.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (chosen.length === 0) program.error(`no such trial; there are:\n  ${trials.map(({ name }) => name).join('\n  ')}`)
if (options.list) console.log(chosen.map(({ name }) => name).join('\n'))
else await run()

async function run(): Promise<void> {
  if (pairs.length > 0) prepareOverhead()
  const libdlb = pairs.length > 0 ? [`binding: ${pairs[0].library}`] : []
  console.log([measured.name, ...measured.facts, ...libdlb, ...machineFacts()].join('\n'))
  report(await runRounds(chosen, options.rounds))
}

function measure(options: MeasuredOptions): Measured {
  try {
    const device = measuredDevice(options)
    tellTrials(device.options)
    return device
  } catch (error) {
    return program.error(`cannot measure: ${(error as Error).message}`)
  }
}

function report(results: Map<string, Figures[]>): void {
  console.log(`\n${measured.name}: median (least–greatest) of the rounds\n`)
  for (const [name, figures] of results) {
    const columns = Object.keys(figures[0] ?? {}).map((figure) => {
      const values = figures.map((round) => round[figure])
      const found = spread(values)
      return `${figure} ${formatSpread(found, digits(figure, found.median))}`
    })
    console.log(`${name.padEnd(52)} ${columns.join('   ')}`)
  }
  for (const pair of pairs) {
    const ratio = ratioOf(pair, results)
    if (ratio !== undefined) console.log(`addon / C, ${pair.name}: ${formatSpread(ratio, 2)} × the CPU time`)
  }
}

function digits(figure: string, value: number): number {
  if (figure.startsWith('million')) return 2
  return value < 100 ? 1 : 0
}

function wholeNumber(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return n
}

function path(script: string): string {
  return new URL(script, import.meta.url).pathname
}
