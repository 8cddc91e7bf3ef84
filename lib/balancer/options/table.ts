import { appOptions, restartOptions } from './app-options.ts'
import type { BalancerOptions } from './balancer-options.ts'
import { dealingOptions, loadOptions, protocolOptions } from './dealing-options.ts'
import { debugOptions, deviceOptions } from './device-options.ts'
import type { OptionTable } from './option.ts'

/** The options of startBalancer, in the order in which errors, the help and docs list them. */
export const optionTable = {
  ...appOptions,
  ...dealingOptions,
  ...restartOptions,
  ...loadOptions,
  ...protocolOptions,
  ...deviceOptions,
  ...debugOptions,
} satisfies OptionTable<BalancerOptions>

export const optionNames = Object.keys(optionTable) as readonly (keyof BalancerOptions)[]

/** The options once their defaults are filled in. */
export type Filled = {
  readonly [K in keyof BalancerOptions]-?: Exclude<BalancerOptions[K], undefined> | (typeof optionTable)[K]['default']
}
