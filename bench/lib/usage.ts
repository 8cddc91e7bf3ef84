import type { CommanderError } from 'commander'

/** `node-dlb` and the gateway end with the same code. */
export const WRONG_USAGE = 2

/**
 * For a command's `exitOverride`: an error that commander finds is wrong usage, and a command's own
 * `error` says its exit code.
 */
export function exitAfter({ code, exitCode }: CommanderError): never {
  const isOwn = code === 'commander.error' || exitCode === 0
  process.exit(isOwn ? exitCode : WRONG_USAGE)
}
