// Checks the models of the thread protocols, the software device's and the balancer's, with Spin:
// `node test/model/run.mjs [--deep] [--require] [model…]`. Each model holds as the code is; and
// without any one of its protections (a mutant), the check must fail.
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const parallel = 2
const minutes = 60_000

/** Big enough for the free ring's protection to show. */
const large = { CREDITS: 4, ENTRIES: 2, EVENTS: 5, DEATHS: 1 }

/**
 * What holds. `deep` ones take longer and run with --deep only; `live` ones are checked under weak
 * fairness.
 */
const properties = [
  {
    model: 'lock',
    says: 'one pass at a time; no record is lost; a dead holder is taken over once, and mended',
    runs: [
      { POSTS: 2, DEATHS: 1 },
      { POSTS: 2, DEATHS: 2, deep: true },
      { THREADS: 3, MORTALS: 1, MAX_PASSES: 1, deep: true },
    ],
  },
  {
    model: 'lock',
    says: 'without timers and deaths, bits and lock alone lose no record',
    runs: [
      { POSTS: 2, DEATHS: 0, MAX_PASSES: 9, NO_TIMER: 1 },
      { THREADS: 3, DEATHS: 0, MAX_PASSES: 9, NO_TIMER: 1 },
    ],
  },
  { model: 'lock', says: 'nobody goes round in circles for ever', runs: [{ POSTS: 2, live: true }] },
  {
    model: 'wake',
    says: 'a callback is called while there is something to receive',
    runs: [{}, { WAKER: 1 }, { EVENTS: 3, SETS: 3, deep: true }, { WAKER: 1, EVENTS: 3, SETS: 3, deep: true }],
  },
  {
    model: 'wake',
    says: 'and is let go when the domain closes',
    runs: [
      { EVENTS: 1, CLOSE: 1 },
      { WAKER: 1, EVENTS: 1, CLOSE: 1 },
      { CLOSE: 1, deep: true },
      { WAKER: 1, CLOSE: 1, deep: true },
    ],
  },
  {
    model: 'room',
    says: 'no event waits while a port has room',
    runs: [
      {},
      { DEPTH: 2, ENTRIES: 3, EVENTS: 5 },
      { DEPTH: 2, ENTRIES: 1, EVENTS: 5 },
      { PORTS: 2, ENTRIES: 1, EVENTS: 2 },
      { PORTS: 2, ENTRIES: 1, EVENTS: 3, deep: true },
      { PORTS: 2, ENTRIES: 2, EVENTS: 3, deep: true },
    ],
  },
  {
    model: 'journal',
    says: 'a pass is done or undone; no event is lost, doubled or overtaken',
    runs: [
      { DEATHS: 2 },
      { CREDITS: 4, ENTRIES: 2, EVENTS: 4, DEATHS: 1 },
      { EVENTS: 5, DEATHS: 3, deep: true },
      { ...large, deep: true },
    ],
  },
  {
    model: 'credits',
    says: 'credits are conserved',
    runs: [
      { CREDITS: 2, SENDS: 2, DEATHS: 1 },
      { CREDITS: 1, DEATHS: 2, deep: true },
      { CREDITS: 3, DEATHS: 1, deep: true },
      { CREDITS: 2, DEATHS: 2, deep: true },
    ],
  },
  {
    model: 'accept-mode',
    says: 'without the timer, deaths, blocked and held workers, whoever comes is accepted',
    runs: [
      { NO_TIMER: 1 },
      { CLIENTS: 4, PLACES: 1, NO_TIMER: 1 },
      { WORKERS: 3, BATCH: 3, CLIENTS: 4, NO_TIMER: 1 },
      { CLIENTS: 6, NO_TIMER: 1, deep: true },
      { WORKERS: 3, BATCH: 3, CLIENTS: 7, NO_TIMER: 1, deep: true },
    ],
  },
  {
    model: 'accept-mode',
    says: 'also if workers cannot accept',
    runs: [
      { EMFILE: 1, NO_TIMER: 1 },
      { CLIENTS: 4, EMFILE: 1, NO_TIMER: 1 },
      { CLIENTS: 5, EMFILE: 1, NO_TIMER: 1, deep: true },
    ],
  },
  {
    model: 'accept-mode',
    says: 'also if the dealer is blocked, and goes on',
    runs: [
      { PAUSES: 1, NO_TIMER: 1 },
      { PAUSES: 2, EMFILE: 1, NO_TIMER: 1 },
    ],
  },
  {
    model: 'accept-mode',
    says: 'with the timer, main accepts in the end, whoever dies, is blocked, or is held and let go',
    runs: [
      { PAUSES: 1 },
      { HOLDS: 1 },
      { CLIENTS: 2, HOLDS: 2 },
      { CLIENTS: 2, DEATHS: 1 },
      { CLIENTS: 2, BLOCKS: 2 },
      { CLIENTS: 2, DEATHS: 1, BLOCKS: 1 },
      { CLIENTS: 2, DEATHS: 1, EMFILE: 1 },
      { DEATHS: 1, deep: true },
      { BLOCKS: 2, deep: true },
      { DEATHS: 1, BLOCKS: 1, deep: true },
    ],
  },
  {
    model: 'pending',
    says: 'what a worker accepts is adopted once, also if it dies',
    runs: [{}, { CONNECTIONS: 3, PLACES: 1 }, { CONNECTIONS: 3 }, { NOP: 1 }, { NOP: 1, CONNECTIONS: 3, PLACES: 1 }],
  },
]

/** Protections that can be taken away, and the sizes at which that shows. */
const mutants = {
  lock: {
    LOOK_BEFORE_UNLOCK: { DEATHS: 0, MAX_PASSES: 9, NO_TIMER: 1 },
    NO_TIMER: {},
    NO_MARK_IN_MEND: { POSTS: 2 },
    MARK_AFTER_RUN: {},
    NO_ALIVE_CHECK: {},
    TAKE_OVER_BY_STORE: { THREADS: 3, MORTALS: 1, MAX_PASSES: 1 },
    REUSED_NUMBERS: { THREADS: 3, MORTALS: 1, MAX_PASSES: 1 },
    RETRY_PASSES_FIRST: { DEATHS: 0, live: true },
  },
  wake: {
    LOOK_BEFORE_SLEEP: {},
    NO_SECOND_LOOK: {},
    SLEEP_READ_BEFORE_TAIL_IS_SET: {},
    WAKE_WITHOUT_CLEARING: {},
    MEND_DOES_NOT_WAKE: {},
    MEND_WAKES_IF_NOT_EMPTY: {},
    ARMS_TWICE: {},
    CLOSE_WAKES_FIRST: { EVENTS: 1, CLOSE: 1 },
    WAKER_SET_LAST: { WAKER: 1 },
    WOKEN_ANYWAY: { WAKER: 1 },
  },
  room: {
    BACKLOG_SET_AFTER_DISPATCH: {},
    NO_LOOK_AGAIN: {},
    LOOK_BEFORE_UNLOCK: {},
    BACKLOG_READ_BEFORE_HEAD_MOVES: {},
    BACKLOG_READ_BEFORE_MARK: {},
    RELEASE_DOES_NOT_MARK: {},
    AWAITED_IF_STILL_FULL: {},
  },
  journal: {
    LENGTH_BEFORE_ENTRY: {},
    STORE_BEFORE_SAVE: {},
    PHASE_BEFORE_LENGTH: {},
    FREE_ENDS_NOT_SAVED: {},
    ROLLS_BACK_OLDEST_FIRST: {},
    PUBLISHES_WHILE_WORKING: {},
    CONSUMER_RING_OF_ENTRIES: {},
    FREE_RING_OF_CREDITS: large,
  },
  credits: {
    GRANTS_BY_STORE: { DEATHS: 0 },
    REVOKES_BY_STORE: { DEATHS: 0 },
    POSTS_BY_STORE: { DEATHS: 0 },
    RECOUNTS_IN_TWO_LOOKS: { CREDITS: 2, DEATHS: 1 },
    DOES_NOT_RECOUNT: { CREDITS: 2, DEATHS: 1 },
  },
  'accept-mode': {
    STOPS_WATCHING_TOO_EARLY: { NO_TIMER: 1 },
    EDGE_TRIGGERED: { CLIENTS: 5, PLACES: 1, NO_TIMER: 1 },
    INVITES_FIRST: { NO_TIMER: 1 },
    WAKES_BEFORE_IT_MARKS: { CLIENTS: 4, EMFILE: 1, NO_TIMER: 1 },
    NO_TIMER: { BLOCKS: 2 },
    CHECKS_ONCE: { DEATHS: 1 },
  },
  pending: {
    PLACES_FILLED_BY_JS: {},
    PLACE_BEFORE_ENTRY: {},
    EMPTY_BEFORE_SENT: {},
    EMPTY_BEFORE_ENTERED: { NOP: 1 },
    ACCEPTS_WHAT_IS_OWNED: { NOP: 1 },
    ADOPTS_ANY_STAMP: {},
    BELIEVES_THE_PLACES: {},
    BELIEVES_THE_COMPLEMENT: {},
    TAKES_BY_STORE: {},
    NOBODY_DEALS_PENDING: {},
    RESETS_WHAT_IS_PENDING: {},
    RESETS_WHAT_WAS_ENTERED: {},
  },
}

function jobs(deep, models) {
  const list = []
  for (const { model, says, runs } of properties) {
    for (const { deep: onlyDeep = false, live = false, ...defines } of runs) {
      if (deep || !onlyDeep) list.push({ model, title: `${model}: ${says}`, defines, live, holds: true })
    }
  }
  for (const [model, protections] of Object.entries(mutants)) {
    for (const [name, { live = false, ...sizes }] of Object.entries(protections)) {
      const defines = { ...sizes, [name]: 1 }
      list.push({ model, title: `${model}: ${name} is found out`, defines, live, holds: false })
    }
  }
  return list.filter((job) => models.length === 0 || models.includes(job.model))
}

/**
 * Generates, compiles and runs the verifier. @returns whether the outcome is the expected one, and
 * a word on it.
 */
async function check({ model, defines, live, holds }) {
  const directory = await mkdtemp(join(tmpdir(), 'node-dlb-model-'))
  const options = { cwd: directory, timeout: 10 * minutes, maxBuffer: 1 << 24 }
  try {
    await copyFile(join(import.meta.dirname, `${model}.pml`), join(directory, 'model.pml'))
    const macros = Object.entries(live ? { ...defines, LIVE: 1 } : defines).map(([name, value]) => `-D${name}=${value}`)
    await execute('spin', [...macros, '-a', 'model.pml'], options)
    const kind = live ? ['-DNFAIR=3'] : ['-DSAFETY', '-DCOLLAPSE']
    await execute('gcc', [holds ? '-O2' : '-O0', '-w', '-DMEMLIM=4096', ...kind, '-o', 'pan', 'pan.c'], options)
    const { stdout } = await execute('./pan', ['-n', '-m200000', '-w20', ...(live ? ['-a', '-f'] : [])], options)
    return judge(stdout, holds, live ? 'acceptance cycle' : 'assertion violated')
  } catch (error) {
    return { expected: false, outcome: `not checked: ${error.message} ${error.stdout ?? ''}` }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function judge(output, holds, failure) {
  const violation = /pan:\d+: (.*)/.exec(output)?.[1] ?? null
  const states = Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0).toLocaleString('en')
  const incomplete = /Search not completed|max search depth too small|out of memory/i.test(output)
  if (violation === null && (incomplete || !/errors: 0/.test(output)))
    return { expected: false, outcome: `no answer:\n${output}` }
  if (violation === null) return { expected: holds, outcome: `holds in all of ${states} states` }
  return { expected: !holds && violation.startsWith(failure), outcome: violation }
}

async function isThere(program, ...args) {
  try {
    await execute(program, args)
    return true
  } catch {
    return false
  }
}

async function main() {
  const args = process.argv.slice(2)
  if (!(await isThere('spin', '-V')) || !(await isThere('gcc', '--version'))) {
    console.log('models: not run: Spin or gcc is missing (Debian, Ubuntu: apt-get install spin gcc)')
    return process.env.CI === 'true' || args.includes('--require')
  }
  const models = args.filter((arg) => !arg.startsWith('--'))
  const queue = jobs(args.includes('--deep'), models)
  let failed = queue.length === 0
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const start = performance.now()
      const { expected, outcome } = await check(job)
      if (!expected) failed = true
      const sizes = Object.entries(job.defines).map(([name, value]) => `${name}=${value}`)
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.log(`${expected ? 'ok    ' : 'NOT OK'} ${job.title} [${sizes.join(' ')}] ${outcome} (${seconds} s)`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return failed
}

process.exitCode = (await main()) ? 1 : 0
