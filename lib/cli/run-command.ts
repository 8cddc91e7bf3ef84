import { Command } from 'commander'
import { optionFlags } from './option-flags.ts'
import { type RunFlags, run } from './run.ts'

const examples = `
Examples:
  $ node-dlb run server.mjs --workers 4
  $ node-dlb run server.mjs --policy least-connections --listener 9090=unordered,7
  $ node-dlb run server.mjs -- --port 8080       what follows -- is the server's

Signals:
  SIGINT, SIGTERM  stop accepting, and let open connections finish; a second one, half a second
                   later or more, cuts them
  SIGHUP           replaces the workers one after the other by new ones, which run the file as it is
                   now
  SIGUSR2          writes the figures to the file that --stats names
An app's own handlers of SIGINT, SIGTERM and SIGHUP are called instead, and its handlers of all
other signals are called, too.

The exit code is 0 if all connections finished, 1 if some were cut at the deadline or the start
failed, 2 for wrong usage, and the server's own if it ends with one before it listens, or when it is
told to end.`

export function runCommand(): Command {
  const command = new Command('run')
    .description("run a server's file on several worker threads, and deal its connections to them")
    .argument('<entry>', "the server's file: an ES module, CommonJS, or TypeScript where Node runs it")
    .argument('[args...]', "the server's own arguments; its options go after --")
  for (const flag of optionFlags.values()) command.addOption(flag)
  return command
    .option('--stats <file>', 'write the figures to this file as JSON, at the end and at SIGUSR2; - is stderr')
    .option('-q, --quiet', 'print errors only')
    .addHelpText('after', examples)
    .action((entry: string, args: string[], flags: RunFlags) => run(entry, args, flags))
}
