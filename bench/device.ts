import { parseArgs } from 'node:util'
import { machineFacts } from './lib/machine.ts'
import { type Figures, runRounds, type Trial } from './lib/rounds.ts'
import { formatSpread, spread } from './lib/stats.ts'

/**
 * The software device's cost and rate, beside the least that such a thing can cost. See README.md.
 *
 *     node dist/bench/device.js [--rounds 7] [trial…]
 */
const throughput = (name: string, ...args: string[]): Trial => ({ name, script: path('device/throughput.js'), args })
const wake = (name: string): Trial => ({ name: `wake: ${name}`, script: path('device/wake.js'), args: [name] })

const trials: readonly Trial[] = [
  { name: 'ring, batch 32', script: path('device/ring.js'), args: [] },
  throughput('directed, batch 32', 'directed', '--depth=128'),
  throughput('unordered, batch 32', 'unordered', '--depth=128'),
  throughput('atomic, batch 32', 'atomic', '--depth=128'),
  throughput('ordered, batch 32', 'ordered', '--depth=128'),
  throughput('directed, one by one', 'directed', '--depth=128', '--batch=1', '--events=1000000'),
  throughput('unordered, 4 consumers, depth 8', 'unordered', '--depth=8', '--consumers=4', '--events=4000000'),
  wake('waitAsync'),
  wake('eventfd'),
  wake('device'),
]

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '7' } },
  allowPositionals: true,
})
const chosen = trials.filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)))
if (chosen.length === 0) {
  console.error(`no such trial; there are:\n  ${trials.map(({ name }) => name).join('\n  ')}`)
  process.exit(1)
}
console.log(['software device', ...machineFacts()].join('\n'))
report(await runRounds(chosen, Number(values.rounds)))

function report(results: Map<string, Figures[]>): void {
  console.log('\nmedian (least–greatest) of the rounds\n')
  for (const [name, figures] of results) {
    const columns = Object.keys(figures[0] ?? {}).map((figure) => {
      const values = figures.map((round) => round[figure])
      return `${figure} ${formatSpread(spread(values), figure.startsWith('million') ? 2 : 0)}`
    })
    console.log(`${name.padEnd(34)} ${columns.join('   ')}`)
  }
}

function path(script: string): string {
  return new URL(script, import.meta.url).pathname
}
