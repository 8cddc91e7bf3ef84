import { Command, InvalidArgumentError, Option } from 'commander'
import { tellTrials } from './device/open.ts'
import { machineFacts } from './lib/machine.ts'
import { type Measured, type MeasuredOptions, measuredDevice } from './lib/measured.ts'
import { type Figures, runRounds, type Trial } from './lib/rounds.ts'
import { formatSpread, spread } from './lib/stats.ts'

/** A device's cost and rate, beside the least that such a thing can cost. See README.md. */
const throughput = (name: string, ...args: string[]): Trial => ({ name, script: path('device/throughput.js'), args })
const alone = (type: string): Trial => ({
  name: `${type}, one thread alone`,
  script: path('device/alone.js'),
  args: [type],
})
const wake = (name: string): Trial => ({ name: `wake: ${name}`, script: path('device/wake.js'), args: [name] })

const trials: readonly Trial[] = [
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
    'Measures a queue device, the software device unless said. It takes about two and a half minutes, and stops by itself.',
  )
  .argument('[trial...]', `any part of a name: ${trials.map(({ name }) => name).join('; ')}`)
  .option('--rounds <n>', 'how often each trial runs, after a round that warms up', wholeNumber, 7)
  .addOption(
    new Option('--device <device>', 'what to measure').choices(['auto', 'software', 'dlb']).default('software'),
  )
  .option('--id <n>', 'of the DLB device: the n of /dev/dlb<n>', Number)
  .option('--library <file>', 'libdlb (default: NODE_DLB_LIBRARY, then libdlb.so)')
  .option('--require-hardware', 'measure nothing but a DLB device through libdlb')
  .parse()
const words = program.args
const chosen = trials.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (chosen.length === 0) program.error(`no such trial; there are:\n  ${trials.map(({ name }) => name).join('\n  ')}`)
const { rounds, ...options } = program.opts<MeasuredOptions & { rounds: number }>()
const measured = measure(options)
console.log([measured.name, ...measured.facts, ...machineFacts()].join('\n'))
report(await runRounds(chosen, rounds))

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
      return `${figure} ${formatSpread(spread(values), figure.startsWith('million') ? 2 : 0)}`
    })
    console.log(`${name.padEnd(34)} ${columns.join('   ')}`)
  }
}

function wholeNumber(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return n
}

function path(script: string): string {
  return new URL(script, import.meta.url).pathname
}
