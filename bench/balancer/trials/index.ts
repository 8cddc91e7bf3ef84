import type { Trial } from '../trial.ts'
import { fanIn } from './fan-in.ts'
import { handOff } from './hand-off.ts'
import { held } from './held.ts'
import { keepAlive } from './keep-alive.ts'
import { mixed } from './mixed.ts'
import { newConnections } from './new-connections.ts'
import { reload } from './reload.ts'
import { stall } from './stall.ts'
import { startUp } from './start-up.ts'
import { tls } from './tls.ts'
import { workers } from './workers.ts'

/** The trials in the order in which they are run. */
export const trials: readonly Trial[] = [
  stall,
  mixed,
  newConnections,
  tls,
  keepAlive,
  held,
  fanIn,
  handOff,
  workers,
  startUp,
  reload,
]
