import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import { workerData } from 'node:worker_threads'
import type { WorkerBoot } from '../protocol.ts'

/**
 * The file that a balancer's worker threads start with. It runs worker/bootstrap.ts and everything
 * that bootstrap.ts imports, as main has compiled it (balancer/workers/worker-code.ts).
 */
const { file, source, compiled } = (workerData as WorkerBoot).code
const require = createRequire(import.meta.url)
// The user's entry becomes this thread's main module, unless it is an ES module. This file must not
// look like one.
delete require.cache[__filename]
delete process.mainModule
// import() does not work in a text that compileFunction compiles.
const importModule = (url: string): Promise<unknown> => import(url)
const run = compileFunction(source, ['require', '__filename', 'importModule'], { filename: file, cachedData: compiled })
run(require, file, importModule)
