import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const built = `${root}native/sim/build/Release/`

/**
 * The stand-in for libdlb.so (native/sim): a software model with faults on demand, not the device.
 */
export const simLibrary = `${built}libdlb.so`

/** Another project's library of the same file name. */
export const bscLibrary = `${built}bsc/libdlb.so`

/** The stand-in's own test, a program. */
export const selfTest = `${built}sim_test`

/**
 * Builds them if they are stale, as `npm test` has done already: for a test file that is run by
 * itself.
 */
export async function buildSim(): Promise<void> {
  const setup = new URL('../../../scripts/setup/sim.mjs', import.meta.url)
  const sim = (await import(setup.href)) as { buildSim(root: string): Promise<boolean> }
  await sim.buildSim(root)
}
