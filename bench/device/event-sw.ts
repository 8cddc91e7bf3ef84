import { spawn, spawnSync } from 'node:child_process'
import os from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuOfThreads } from '../lib/process-tree.ts'

/**
 * DPDK's software event device, run by DPDK's own test program: one producer, two workers, one
 * queue, batches of 32. All its threads poll, the scheduler's as well. Where there are fewer than
 * four CPUs they take turns, and most of the CPU time is that of threads that wait for another.
 */
/** The CPUs of its threads: the one that prints, the scheduler's, the producer's, the workers'. */
const CPUS = [0, 0, 1, 2, 3]
const PROGRAM = 'dpdk-test-eventdev'
const WARM_UP_MS = 2000
const SECONDS = 4
const END_MS = 2000

/** Whether DPDK's programs are installed. */
export function hasEventSw(): boolean {
  return spawnSync(PROGRAM, ['--version'], { timeout: 5000 }).error === undefined
}

if (process.argv[1] === import.meta.filename) await runTrial(process.argv[2] ?? 'parallel')

async function runTrial(type: string): Promise<void> {
  const lcores = CPUS.map((cpu, lcore) => `${lcore}@${cpu % os.cpus().length}`)
  const child = spawn(
    PROGRAM,
    [
      ...['--no-huge', '-m', '512', '--no-pci', '--no-telemetry', `--file-prefix=node-dlb-${process.pid}`],
      ...[
        `--lcores=${lcores}`,
        '--vdev=event_sw0',
        '-s',
        '0x2',
        '--',
        '--test=perf_queue',
        '--plcores=2',
        '--wlcores=3,4',
      ],
      ...[`--stlist=${type[0]}`, '--nb_flows=1024', '--nb_pkts=0', '--worker_deq_depth=32', '--prod_enq_burst_sz=32'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const pid = child.pid as number
  let text = ''
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  await delay(WARM_UP_MS)
  const before = rates(text).length
  const cpu = workOf(pid)
  await delay(SECONDS * 1000)
  const microseconds = workOf(pid) - cpu
  const measured = rates(text).slice(before)
  child.kill('SIGINT')
  const stuck = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await closed
  clearTimeout(stuck)
  if (measured.length === 0) throw new Error(`it printed no rates, but: ${text}`)
  const millions = measured.reduce((sum, rate) => sum + rate, 0) / measured.length
  console.log(
    JSON.stringify({
      'million/s': millions,
      'CPU ns/event': (microseconds * 1000) / (millions * 1e6 * SECONDS),
    }),
  )
}

/**
 * Returns microseconds of CPU, without the main thread, which only polls the clock all the time.
 */
function workOf(pid: number): number {
  return cpuOfThreads(pid).reduce((sum, { thread, microseconds }) => (thread === pid ? sum : sum + microseconds), 0)
}

/** The program prints a rate each second. */
function rates(text: string): number[] {
  return [...text.matchAll(/([\d.]+) mpps avg/g)].map(([, rate]) => Number(rate))
}
