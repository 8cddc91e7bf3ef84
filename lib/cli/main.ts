#!/usr/bin/env node
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { print } from '../print.ts'
import { devicesCommand } from './devices-command.ts'
import { USAGE_EXIT_CODE } from './run.ts'
import { runCommand } from './run-command.ts'
import { withHint } from './usage-hint.ts'

const { version } = createRequire(import.meta.url)('node-dlb/package.json') as { version: string }

const program = new Command('node-dlb')
  .description('Runs a Node server on worker threads, and deals its connections to them')
  .version(version)
  .exitOverride()
  .configureOutput({
    // A missing reader or a full disk must not make the command fail.
    writeOut: (text) => print(1, text),
    writeErr: (text) => print(2, text),
    outputError: (text, write) => write(withHint(text, run)),
  })
  .showHelpAfterError('(node-dlb --help, and node-dlb run --help, show how it is used)')
const run = runCommand().copyInheritedSettings(program)
program.addCommand(run)
program.addCommand(devicesCommand().copyInheritedSettings(program))

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // Commander has printed it.
  process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE
}
