import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { killAll } from './balancer/child.ts'
import { serverFacts } from './balancer/facts.ts'
import { readCommand } from './command.ts'
import { machineFacts } from './lib/machine.ts'
import { progress } from './lib/progress.ts'
import { type Result, runRounds } from './lib/rounds.ts'
import { WRONG_USAGE } from './lib/usage.ts'
import { compare, describeChanges } from './report/compare.ts'
import { htmlReport } from './report/html.ts'
import { type BenchRecord, makeRecord, readRecord, writeRecord } from './report/record.ts'
import { textTables } from './report/text.ts'
import { type Selection, select } from './select.ts'

const options = readCommand(process.argv)
const { cases, skipped, device } = trySelect()
const base = tryBase()
if (cases.length === 0 && skipped.length === 0) options.fail('no such trial; --list gives the names', WRONG_USAGE)
if (options.list) console.log(cases.map(({ name }) => name).join('\n'))
else await run()

async function run(): Promise<void> {
  process.on('exit', killAll)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const at = new Date().toISOString()
  const ofServers = cases.length > (device?.cases.length ?? 0) ? serverFacts(options.device) : []
  const facts = [...(device?.facts ?? []), ...machineFacts(), ...ofServers, `${options.rounds} rounds`]
  const why = skipped.map((one) => `${one.name}: ${one.why}`)
  console.log([...facts, ...why.map((line) => `skipped: ${line}`)].join('\n'))
  device?.prepare()
  const record = (results: readonly Result[]): BenchRecord => makeRecord({ at, facts, skipped: why, results })
  // The report is written after every round, so that a run which is ended early is not lost.
  const results = await runRounds(cases, options.rounds, progress, (results) => write(record(results)))
  progress('')
  tell(results)
}

function tell(results: readonly Result[]): void {
  console.log(`\n${device ? `${device.name}: ` : ''}median (least–greatest) of the rounds\n\n${textTables(results)}`)
  for (const line of device?.conclude(results) ?? []) console.log(line)
  if (base) console.log(`\nCompared with ${options.compare}, of ${base.at}: ${changesOf(results).join('\n')}`)
  const failed = results.filter(({ failure }) => failure !== null)
  for (const { name, failure } of failed) console.error(`failed: ${name}: ${failure}`)
  if (failed.length > 0) process.exitCode = 1
  if (options.out !== null) console.log(`\n${path.join(options.out, 'bench.html')}, bench.json`)
}

function write(record: BenchRecord): void {
  if (options.out === null) return
  mkdirSync(options.out, { recursive: true })
  writeRecord(path.join(options.out, 'bench.json'), record)
  writeFileSync(path.join(options.out, 'bench.html'), htmlReport(record, changesOf(record.results)))
}

function changesOf(results: readonly Result[]): string[] {
  return base ? describeChanges(compare(base.results, results)) : []
}

function trySelect(): Selection {
  try {
    return select(options)
  } catch (error) {
    return options.fail(`cannot measure: ${(error as Error).message}`)
  }
}

function tryBase(): BenchRecord | null {
  try {
    return options.compare === undefined ? null : readRecord(options.compare)
  } catch (error) {
    return options.fail(`cannot compare: ${(error as Error).message}`, WRONG_USAGE)
  }
}
