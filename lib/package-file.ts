import { createRequire } from 'node:module'
import path from 'node:path'

const require = createRequire(import.meta.url)

/**
 * The path of a file of this package. It is found by the package's own name, because this code runs
 * from several places: lib/, dist/lib/, a bundle.
 */
export function packageFile(file: string): string {
  return path.join(path.dirname(require.resolve('node-dlb/package.json')), file)
}
