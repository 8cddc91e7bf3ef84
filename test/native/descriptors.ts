import { readdirSync, readlinkSync } from 'node:fs'

/** What every open descriptor of this process refers to, sorted: a leak shows by its name. */
export function openDescriptors(): string[] {
  const names: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      names.push(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`)
    } catch (error) {
      // The one that was opened to read the directory.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return names.sort()
}
