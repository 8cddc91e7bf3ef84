import { Option as CommandOption } from 'commander'
import type { BalancerOptions } from '../balancer/options/balancer-options.ts'
import type { Flag, Option } from '../balancer/options/option.ts'
import { optionNames, optionTable } from '../balancer/options/table.ts'
import { addListener, parseCount, parseDuration, showDuration } from './parse.ts'

const readers = {
  count: parseCount,
  time: parseDuration,
  listener: (text: string, previous: unknown) => addListener(text, previous as BalancerOptions['listeners']),
}

/** The flags of `node-dlb run` that stand for options of startBalancer, by the option's name. */
export const optionFlags: ReadonlyMap<string, CommandOption> = new Map(
  optionNames.flatMap((name) => {
    const option: Option<unknown> = optionTable[name]
    return option.flag ? [[name, commandOption(option, option.flag)] as const] : []
  }),
)

function commandOption({ kind, default: value, summary }: Option<unknown>, flag: Flag): CommandOption {
  const text = flag.help ?? asHelp(summary)
  const byDefault = flag.defaultInHelp ?? (flag.reads === 'time' ? showDuration(value as number) : null)
  const option = new CommandOption(flag.usage, byDefault === null ? text : `${text} (default: ${byDefault})`)
  if (flag.reads) option.argParser<unknown>(readers[flag.reads])
  if (kind.choices) {
    option.choices(kind.choices)
    if (value !== undefined) option.default(value)
  }
  return option
}

/** Turns a summary into a text in the style of commander's help: a phrase without Markdown. */
function asHelp(summary: string): string {
  return `${summary[0].toLowerCase()}${summary.slice(1, -1).replaceAll('`', '')}`
}

/** The options that the flags of a command line stand for. `values`: what commander has read. */
export function optionsOf(values: Readonly<Record<string, unknown>>): Partial<BalancerOptions> {
  const given = [...optionFlags].map(([name, flag]) => [name, values[flag.attributeName()]])
  return Object.fromEntries(given)
}

/**
 * Rewrites a message about options of startBalancer in the command's spelling: drainTimeout is
 * --drain-timeout.
 */
export function withFlags(message: string): string {
  return message.replace(/\b(\w+)(?= (?:must be|needs a policy))/g, (name) => optionFlags.get(name)?.long ?? name)
}
