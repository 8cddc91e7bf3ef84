import { type BalancerOptions, MAX_WORKERS } from './balancer-options.ts'
import { anything, boolean, entryFile, environment, MAX_MS, strings, wholeNumber } from './kinds.ts'
import type { OptionTable } from './option.ts'
import { resourceLimits } from './resource-limits.ts'

/** What the workers run, how many there are, and what their threads have. */
export const appOptions = {
  entry: {
    kind: entryFile,
    default: undefined,
    defaultInDocs: 'required',
    summary: 'The file that every worker runs.',
  },
  workers: {
    kind: wholeNumber(1, MAX_WORKERS),
    default: undefined,
    defaultInDocs: '`os.availableParallelism()`, at most `maxWorkers`',
    summary: 'The number of worker threads.',
    flag: {
      usage: '-w, --workers <count>',
      reads: 'count',
      help: `how many worker threads, 1 to ${MAX_WORKERS}`,
      defaultInHelp: 'one per CPU',
    },
  },
  maxWorkers: {
    kind: wholeNumber(1, MAX_WORKERS),
    default: undefined,
    defaultInDocs: '`workers`',
    summary: 'The number of workers that `resize()` can go up to; at least `workers`.',
  },
  argv: {
    kind: strings,
    default: [],
    defaultInDocs: '`[]`',
    summary: "The app's arguments: `process.argv.slice(2)` in the workers.",
  },
  env: {
    kind: environment,
    default: undefined,
    defaultInDocs: 'a copy of `process.env` for each',
    summary: "The workers' `process.env`.",
  },
  execArgv: {
    kind: strings,
    default: undefined,
    defaultInDocs: "this thread's",
    summary: "Node's own options for the workers.",
  },
  workerData: {
    kind: anything,
    default: null,
    summary: '`workerData` as the app sees it.',
  },
  resourceLimits: {
    kind: resourceLimits,
    default: undefined,
    defaultInDocs: 'none',
    summary: 'The `resourceLimits` of `worker_threads.Worker`, for each worker.',
  },
  hook: {
    kind: boolean,
    default: true,
    summary: 'Balance every server that listens.',
  },
  stdin: {
    kind: boolean,
    default: false,
    summary: "Pass this process's stdin on to the workers that read theirs.",
  },
} satisfies Partial<OptionTable<BalancerOptions>>

/** How workers start and end. */
export const restartOptions = {
  drainTimeout: {
    kind: wholeNumber(0, MAX_MS),
    default: 10_000,
    summary: 'How long open connections may take to finish at the end.',
    flag: {
      usage: '--drain-timeout <time>',
      reads: 'time',
      help: 'at the end, how long open connections may take to finish',
    },
  },
  startTimeout: {
    kind: wholeNumber(0, MAX_MS),
    default: 60_000,
    summary: 'How long the start may take until every worker listens or has exited; 0: no limit.',
  },
  respawnDelay: {
    kind: wholeNumber(1, MAX_MS),
    default: 100,
    summary: 'The wait before a worker that died is respawned.',
  },
  maxRespawnDelay: {
    kind: wholeNumber(1, MAX_MS),
    default: 10_000,
    summary: 'The longest wait before a worker that died is respawned.',
  },
} satisfies Partial<OptionTable<BalancerOptions>>
