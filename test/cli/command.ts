import type { Test } from 'tap'
import { cli, source } from '../programs.ts'
import { Running } from '../running.ts'

export const fixture = (name: string): string => source(`test/cli/fixtures/${name}`)

/** A running `node-dlb run`. */
export class Command extends Running {
  constructor(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}, descriptors: number | null = null) {
    super(t, [cli, 'run', ...args], { env: { NODE_DEBUG: '', ...env }, descriptors })
  }

  /** The port in the summary line. */
  async port(): Promise<number> {
    const [, port] = await this.untilStderr(/listening on .*:(\d+)\n/)
    return Number(port)
  }
}
