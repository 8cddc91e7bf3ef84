/** Of worker_threads' `resourceLimits`: with less, V8 does not end the worker, but the process. */
const least: Readonly<Record<string, number>> = {
  // Node 20's threads start in any case, and run out of memory then.
  maxOldGenerationSizeMb: process.version.startsWith('v20.') ? 0 : 3,
  maxYoungGenerationSizeMb: 0,
  codeRangeSizeMb: 0,
  stackSizeMb: 0.3,
}

export const limitNames: readonly string[] = Object.keys(least)

/** @returns what they must be, or null if they are */
export function checkResourceLimits(limits: Readonly<Record<string, unknown>>): string | null {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(least, name)) return `an object with ${limitNames.join(', ')} and no '${name}'`
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    if (!isNumber || value < least[name]) return `an object whose ${name} is a number from ${least[name]}`
  }
  return null
}
