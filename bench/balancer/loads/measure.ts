import { cpuOfTree } from '../../lib/process-tree.ts'
import type { RunningServer } from '../peer.ts'

/** Measures what the server's whole process tree uses while `work` runs. */
export async function measureCpu<T>(
  { child }: RunningServer,
  work: () => Promise<T>,
): Promise<{ result: T; microseconds: number }> {
  const before = cpuOfTree(child.pid)
  const result = await work()
  return { result, microseconds: cpuOfTree(child.pid) - before }
}
