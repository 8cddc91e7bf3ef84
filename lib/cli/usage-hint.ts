import { existsSync } from 'node:fs'
import type { Command } from 'commander'

/**
 * Extends commander's message about wrong usage by what the user probably meant.
 * @param run the command that runs servers
 */
export function withHint(message: string, run: Command): string {
  const hint = hintFor(message, process.argv.slice(2), run)
  return hint === null ? message : `${message.trimEnd()}\n${hint}\n`
}

function hintFor(message: string, args: readonly string[], run: Command): string | null {
  const [, command] = /unknown command '(.*?)'/.exec(message) ?? []
  if (command !== undefined && isFile(command)) return `Did you mean \`node-dlb run ${args.join(' ')}\`?`
  const [, option] = /unknown option '(.*?)'/.exec(message) ?? []
  if (option === undefined) return null
  if (process.allowedNodeEnvironmentFlags.has(option))
    return `${option} is an option of Node: NODE_OPTIONS="${option}" node-dlb ${without(option, args)}`
  if (args[0] === 'run') {
    const [, first = '-'] = args
    const [entry, own] = first.startsWith('-') ? ['server.mjs', option] : [first, withValue(option, args)]
    return `The server's own options go after --, as in \`node-dlb run ${entry} -- ${own}\`.`
  }
  const [name] = option.split('=')
  const isOfRun = run.options.some(({ long, short }) => long === name || short === name)
  return isOfRun ? `${name} is an option of run, as in \`node-dlb run server.mjs ${withValue(option, args)}\`.` : null
}

function without(option: string, args: readonly string[]): string {
  return args.filter((arg) => arg !== option).join(' ')
}

/** The option with its value, as it was given. */
function withValue(option: string, args: readonly string[]): string {
  const value = args[args.indexOf(option) + 1]
  return value === undefined || value.startsWith('-') ? option : `${option} ${value}`
}

function isFile(name: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(name) || /[./]/.test(name) || existsSync(name)
}
