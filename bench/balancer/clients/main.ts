import { runFanIn } from './fan-in.ts'
import { Held } from './held.ts'
import type { AnyJob, LoadResult } from './jobs.ts'
import { KeptLines, type Lines, NewLines } from './lines.ts'
import { runClosed } from './run-closed.ts'
import { runOpen } from './run-open.ts'

/**
 * A client's process. It does the jobs that it is sent, one at a time. Connections that stay are
 * kept from job to job.
 */
let lines: Lines | null = null
let held: Held | null = null

process.on('disconnect', () => process.exit())
process.on('SIGTERM', () => process.exit())
process.on('message', (job: AnyJob) => void run(job).then((result) => process.send?.(result)))

async function run(job: AnyJob): Promise<LoadResult> {
  if (job.kind === 'hold') {
    held ??= new Held(job)
    return held.run(job)
  }
  if (job.kind === 'fan-in') return runFanIn(job)
  if (!lines) {
    lines = job.connections === 'new' ? new NewLines(job.port, job.tls) : new KeptLines(job.port, job.connections)
    await lines.open()
  }
  return job.kind === 'open' ? runOpen(job, lines) : runClosed(job, lines)
}
