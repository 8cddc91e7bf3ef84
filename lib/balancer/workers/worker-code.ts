import { readFileSync } from 'node:fs'
import { compileFunction } from 'node:vm'
import { packageFile } from '../../package-file.ts'
import type { WorkerCode } from '../../protocol.ts'

/**
 * The files that the workers' part of this package is bundled into (scripts/bundle.mjs). A thread
 * begins with START.
 */
const BOOTSTRAP = 'dist/lib/bundle/bootstrap.cjs'
const START = 'dist/lib/bundle/start.cjs'

let code: WorkerCode | undefined

export function startFile(): string {
  return packageFile(START)
}

/**
 * The bootstrap, parsed once for all workers. To parse it would take each worker 4 ms and 1 MiB, as
 * much as all else that a worker does for us. A worker whose V8 rejects the result parses it
 * itself.
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
