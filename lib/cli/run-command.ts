import { Command, Option } from 'commander'
import { overLimitNames } from '../balancer/admission.ts'
import { deviceNames, fallbackNames, MAX_WORKERS } from '../balancer/options.ts'
import { policyNames } from '../balancer/policies/index.ts'
import { addListener, parseCount, parseDuration } from './parse.ts'
import { type RunFlags, run } from './run.ts'

const examples = `
Examples:
  $ node-dlb run server.mjs --workers 4
  $ node-dlb run server.mjs --policy least-connections --listener 9090=unordered,7
  $ node-dlb run server.mjs -- --port 8080       what follows -- is the server's

Signals:
  SIGINT, SIGTERM  stop accepting, and let open connections finish; a second one, half a second later or more, cuts them
  SIGHUP           replaces the workers one after the other by new ones, which run the file as it is now
  SIGUSR2          writes the figures to the file that --stats names
An app's own handlers of SIGINT, SIGTERM and SIGHUP are called instead of that, and those of all other signals are called, too.

The exit code is 0 if all connections finished, 1 if some were cut at the deadline or the start failed, 2 for wrong usage,
and the server's own if it fails to start.`

export function runCommand(): Command {
  return new Command('run')
    .description('run a server file on worker threads: ESM, CommonJS, or TypeScript where Node runs it')
    .argument('<entry>', "the server's file")
    .argument('[args...]', 'its arguments, after --')
    .option('-w, --workers <count>', `worker threads, 1 to ${MAX_WORKERS} (default: one per CPU)`, parseCount)
    .addOption(
      new Option('--device <device>', 'queue device (default: NODE_DLB_DEVICE, else auto)').choices(deviceNames),
    )
    .option('--id <n>', 'the n of /dev/dlb<n> (default: the lowest that opens)', parseCount)
    .option('--library <file>', "Intel's libdlb (default: NODE_DLB_LIBRARY, else libdlb.so)")
    .addOption(
      new Option('--fallback-policy <policy>', 'instead of a DLB device that fails')
        .choices(fallbackNames)
        .default('software'),
    )
    .option('--max-retries <count>', 'shed what a full device refuses so often (default: never)', parseCount)
    .addOption(new Option('--policy <policy>', 'who gets a connection').choices(policyNames).default('unordered'))
    .option(
      '--listener <address=policy>',
      'of this listener, and its priority from 0 (first) to 7, as in 8443=exact,1, or 8443=,proxy for the PROXY protocol; the address is a port, host:port or path; repeatable',
      addListener,
    )
    .addOption(
      new Option('--drain-timeout <time>', 'how long open connections may take to finish')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option(
      '--stall-timeout <time>',
      'take connections back from a worker that is blocked for so long (default: 3ms; 0: never)',
      parseDuration,
    )
    .option('--proxy-protocol', "connections begin with the PROXY protocol's header, version 1 or 2")
    .option('--defer-accept', 'accept a TCP connection only once its client has sent something, or after a second')
    .option('--max-connections <count>', 'bound on open connections (default: none)', parseCount)
    .option('--max-connections-per-worker <count>', 'the same for each worker', parseCount)
    .addOption(new Option('--over-limit <what>', 'what becomes of more').choices(overLimitNames).default('wait'))
    .option(
      '--max-event-loop-delay <time>',
      'no new connections for workers whose event loop is later, such as 50ms (default: not measured)',
      parseDuration,
    )
    .option('--parking', "under light load, let some workers' threads sleep")
    .option('--stats <file>', 'write the figures there as JSON, at the end and at SIGUSR2; - is stderr')
    .option('--debug', 'print a line per connection and step to stderr')
    .option('-q, --quiet', 'print errors only')
    .addHelpText('after', examples)
    .action((entry: string, args: string[], flags: RunFlags) => run(entry, args, flags))
}
