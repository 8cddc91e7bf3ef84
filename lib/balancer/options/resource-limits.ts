import type { ResourceLimits } from 'node:worker_threads'
import { checkedKind, type Kind } from './kinds.ts'
import { isObject } from './read-once.ts'

/**
 * The least values of worker_threads' `resourceLimits`. With smaller values, V8 ends the process
 * instead of the worker.
 */
const least: Readonly<Record<string, number>> = {
  // Node 20's threads start with any value, and run out of memory later.
  maxOldGenerationSizeMb: process.version.startsWith('v20.') ? 0 : 3,
  maxYoungGenerationSizeMb: 0,
  codeRangeSizeMb: 0,
  stackSizeMb: 0.3,
}

export const limitNames: readonly string[] = Object.keys(least)

export const resourceLimits: Kind<ResourceLimits> = checkedKind((limits) => {
  if (!isObject(limits)) return 'an object'
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(least, name)) return `an object with ${limitNames.join(', ')} and no '${name}'`
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    if (!isNumber || value < least[name]) return `an object whose ${name} is a number from ${least[name]}`
  }
  return null
}, 'object')
