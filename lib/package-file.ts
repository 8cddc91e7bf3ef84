import { createRequire } from 'node:module'
import path from 'node:path'

const require = createRequire(import.meta.url)

/**
 * A file of this package. By the package's own name, since the place of this code differs: lib/,
 * dist/lib/, a bundle.
 */
export function packageFile(file: string): string {
  return path.join(path.dirname(require.resolve('node-dlb/package.json')), file)
}
