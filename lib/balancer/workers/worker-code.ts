import { readFileSync } from 'node:fs'
import { compileFunction } from 'node:vm'
import { packageFile } from '../../package-file.ts'
import type { WorkerCode } from '../../protocol.ts'

/**
 * The files into which scripts/bundle.mjs bundles the code of workers. A thread begins with START.
 */
const BOOTSTRAP = 'dist/lib/bundle/bootstrap.cjs'
const START = 'dist/lib/bundle/start.cjs'

let code: WorkerCode | undefined

export function startFile(): string {
  return packageFile(START)
}

/**
 * The bootstrap, which main parses once for all workers. Parsing takes 4 ms and 1 MiB, as much as
 * everything else that a worker does for the balancer at its start. A worker whose V8 rejects the
 * result parses the text itself.
 */
export function workerCode(): WorkerCode {
  code ??= compile(packageFile(BOOTSTRAP))
  return code
}

function compile(file: string): WorkerCode {
  const source = readFileSync(file, 'latin1')
  const parameters = ['require', '__filename', 'importModule']
  const { cachedData } = compileFunction(source, parameters, { filename: file, produceCachedData: true })
  const compiled = new Uint8Array(new SharedArrayBuffer(cachedData?.length ?? 0))
  if (cachedData) compiled.set(cachedData)
  return { file, source, compiled }
}
