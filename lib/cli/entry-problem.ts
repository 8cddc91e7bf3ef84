import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { EntryFailedError } from '../balancer/workers/start-watch.ts'

/** Node's exit code for a module that waits for a promise that can never settle. */
const UNSETTLED = 13

/**
 * Why Node could not run an entry, in words for somebody who does not know Node's loader, or why an
 * entry ended without an error.
 */
export interface EntryProblem {
  /** What is wrong, and what to do. */
  readonly text: string
  /** True if Node's own message helps as well. */
  readonly withError: boolean
  /** True if the command line is wrong: it names what cannot be run. */
  readonly isUsage: boolean
}

/**
 * @param entry the entry's absolute path
 * @returns null if the app itself failed: then its own error is enough
 */
export function entryProblem(entry: string, error: EntryFailedError): EntryProblem | null {
  const { workerError } = error
  if (workerError === null) return ended(entry, error)
  return (
    missing(entry, workerError) ??
    unreadable(entry, workerError) ??
    typeScript(entry, workerError) ??
    moduleSyntax(entry, workerError) ??
    syntax(entry, workerError)
  )
}

/** The entry ended without an error. It may have printed why. */
function ended(entry: string, { worker, exitCode }: EntryFailedError): EntryProblem {
  const why =
    exitCode === UNSETTLED
      ? 'a top-level await of it never settled'
      : `it called process.exit(${exitCode}), or set process.exitCode, before it called listen()`
  const text =
    `worker_${worker} ended with exit code ${exitCode} before it listened: ${why}; ` + `see what \`node ${entry}\` does`
  return { text, withError: false, isUsage: false }
}

function missing(entry: string, error: string): EntryProblem | null {
  if (!error.includes(`Cannot find module '${entry}'`) || canBeRequired(entry)) return null
  const stats = fs.statSync(entry, { throwIfNoEntry: false })
  if (stats?.isDirectory()) {
    const text = `${entry} is a folder without index.js, or "main" in a package.json: name the server's file`
    return { text, withError: false, isUsage: true }
  }
  const text = stats ? `${entry} is not a file that can be run` : `there is no file ${entry}${similar(entry)}`
  return { text, withError: false, isUsage: true }
}

function unreadable(entry: string, error: string): EntryProblem | null {
  if (!error.includes(`EACCES: permission denied, open '${entry}'`)) return null
  return { text: `${entry} cannot be read: permission denied`, withError: false, isUsage: true }
}

function canBeRequired(entry: string): boolean {
  try {
    createRequire(entry).resolve(entry)
    return true
  } catch {
    return false
  }
}

/** Names a file that differs from the entry only in its extension. */
function similar(entry: string): string {
  const { dir, name } = path.parse(entry)
  const found = ['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts'].find((extension) =>
    fs.existsSync(path.join(dir, name + extension)),
  )
  return found === undefined ? '' : `, but there is ${name}${found}`
}

function typeScript(entry: string, error: string): EntryProblem | null {
  const strips = (process.features as { typescript?: unknown }).typescript
  const isLoadError = /\bSyntaxError\b|ERR_UNKNOWN_FILE_EXTENSION/.test(error)
  if (strips || !isLoadError || !/\.[cm]?tsx?$/.test(entry)) return null
  const text =
    `${entry} is TypeScript, which Node ${process.version} does not run by itself: ` +
    'compile it to JavaScript, use Node 22.18 or later, ' +
    'or have a package such as tsx load it (NODE_OPTIONS="--import tsx" node-dlb run …)'
  return { text, withError: false, isUsage: false }
}

/** A common mistake: `import` in a file that Node takes for CommonJS. */
function moduleSyntax(entry: string, error: string): EntryProblem | null {
  if (!error.includes('Cannot use import statement outside a module') || path.extname(entry) !== '.js') return null
  const text =
    `${entry} is an ES module: call it ${path.basename(entry, '.js')}.mjs, ` +
    'or write "type": "module" into its package.json'
  return { text, withError: true, isUsage: false }
}

/** A syntax error. If it is in an ES module, Node's error does not say where. */
function syntax(entry: string, error: string): EntryProblem | null {
  if (!/^SyntaxError: /m.test(error)) return null
  const hasPlace = !error.startsWith('SyntaxError: ')
  const where = hasPlace ? '' : `: \`node --check ${entry}\` shows where`
  return { text: `${entry}, or a file that it loads, cannot be parsed${where}`, withError: true, isUsage: false }
}
