import { Command, InvalidArgumentError, Option } from 'commander'
import type { MeasuredOptions } from './lib/measured.ts'
import { exitAfter } from './lib/usage.ts'

export interface BenchOptions {
  /** Parts of names of trials; an empty list means all. */
  readonly words: readonly string[]
  readonly short: boolean
  readonly rounds: number
  /** The longest time that a load runs, in seconds. */
  readonly seconds: number
  /** Parts of names of peers; an empty list means all. */
  readonly peers: readonly string[]
  readonly list: boolean
  /** The folder for the record and the report; null: nowhere. */
  readonly out: string | null
  /** A record to compare with. */
  readonly compare: string | undefined
  readonly device: MeasuredOptions
  /** Ends the process because of wrong usage. */
  fail(message: string, exitCode?: number): never
}

interface Parsed extends MeasuredOptions {
  readonly short: boolean
  readonly rounds?: number
  readonly seconds?: number
  readonly peer: string[]
  readonly list: boolean
  readonly out: string | false
  readonly compare?: string
}

/** Reads the command line. Ends the process if that is wrong, and for --help. */
export function readCommand(argv: readonly string[]): BenchOptions {
  const command = new Command('npm run bench --')
    .description(
      'Measures the balancer beside other ways to share connections, a queue device (the software device by ' +
        'default), and the binding to libdlb. It stops by itself.',
    )
    .argument('[trial...]', 'any part of a name, such as stall or unordered; --list gives the names')
    .option('--short', 'less of each trial, and fewer peers: all of them in at most three minutes', false)
    .option('--rounds <n>', 'how often each trial runs; default 7, with --short 3', atLeastOne)
    .option('--seconds <n>', 'no load runs for longer; default 10, with --short 1', moreThanNothing)
    .option('--peer <name>', 'any part of a name of what the balancer is compared with; repeatable', collect, [])
    .option('--compare <file>', 'say what has changed since this record of an earlier run, beyond the spread')
    .option('--out <folder>', 'for bench.json and bench.html', 'bench-report')
    .option('--no-out', 'write no files')
    .addOption(
      new Option('--device <device>', 'what to measure').choices(['auto', 'software', 'dlb']).default('software'),
    )
    .option('--id <n>', 'of the DLB device: the n of /dev/dlb<n>', Number)
    .option('--library <file>', 'libdlb; default: NODE_DLB_LIBRARY, then libdlb.so, or for the binding the stand-in')
    .option('--require-hardware', 'measure nothing but a DLB device through libdlb')
    .option('--list', 'only list the trials', false)
    .addHelpText('after', '\nNODE_DLB_BENCH_NODE: another Node, which the servers under test run on.')
    .exitOverride(exitAfter)
    .parse(argv)
  const { short, rounds, seconds, peer, list, out, compare, ...device } = command.opts<Parsed>()
  return {
    words: command.args,
    short,
    rounds: rounds ?? (short ? 3 : 7),
    seconds: seconds ?? (short ? 1 : 10),
    peers: peer,
    list,
    out: out === false ? null : out,
    compare,
    device,
    fail: (message, exitCode = 1) => command.error(message, { exitCode }),
  }
}

function atLeastOne(text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return n
}

function moreThanNothing(text: string): number {
  const n = Number(text)
  if (!(n > 0 && n <= 3600)) throw new InvalidArgumentError('Give a number of seconds, at most 3600.')
  return n
}

function collect(text: string, all: readonly string[]): string[] {
  return [...all, text]
}
