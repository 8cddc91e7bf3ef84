import type { Trial } from '../trial.ts'
import { stall } from './stall.ts'

/** In the order in which they are run. */
export const trials: readonly Trial[] = [stall]
