import { Command, Option } from 'commander'
import { overLimitNames } from '../balancer/dispatch/admission.ts'
import { policyNames } from '../balancer/dispatch/policies/names.ts'
import { deviceNames, fallbackNames, MAX_WORKERS } from '../balancer/options/options.ts'
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
and the server's own if it ends with one before it listens, or when it is told to end.`

export function runCommand(): Command {
  return new Command('run')
    .description("run a server's file on several worker threads, and deal its connections to them")
    .argument('<entry>', "the server's file: an ES module, CommonJS, or TypeScript where Node runs it")
    .argument('[args...]', "the server's own arguments; its options go after --")
    .option('-w, --workers <count>', `how many worker threads, 1 to ${MAX_WORKERS} (default: one per CPU)`, parseCount)
    .addOption(
      new Option('--policy <policy>', 'which worker gets a new connection').choices(policyNames).default('unordered'),
    )
    .option(
      '--listener <address=policy>',
      "give one address that the server listens on a policy of its own, as in 8443=exact; a priority from 0 (first) to 7, as in 8443=exact,1 or 8443=,1; or proxy for the PROXY protocol, as in 8443=,proxy. The address is a port, host:port or a socket's path. Can be given several times",
      addListener,
    )
    .option(
      '--affinity-timeout <time>',
      'with --policy affinity, how long a client keeps its worker after its last connection (default: 60s)',
      parseDuration,
    )
    .addOption(
      new Option('--drain-timeout <time>', 'at the end, how long open connections may take to finish')
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option('--max-connections <count>', 'how many connections may be open at a time (default: no limit)', parseCount)
    .option(
      '--max-connections-per-worker <count>',
      'how many may be open at each worker (default: no limit)',
      parseCount,
    )
    .addOption(
      new Option('--over-limit <what>', 'what happens to connections beyond these limits')
        .choices(overLimitNames)
        .default('wait'),
    )
    .option(
      '--stall-timeout <time>',
      'when a worker is blocked for so long, give the connections that wait for it to others (default: 3ms; 0: never)',
      parseDuration,
    )
    .option(
      '--max-event-loop-delay <time>',
      'give no new connections to a worker whose event loop is later than this, as in 50ms (default: not measured)',
      parseDuration,
    )
    .option('--parking', "under light load, use fewer workers and let the others' threads sleep")
    .option('--proxy-protocol', "connections come from a proxy that begins each with the PROXY protocol's header")
    .option('--defer-accept', 'accept a TCP connection once its client has sent something, or after a second')
    .addOption(
      new Option(
        '--device <device>',
        'the queue device that connections go through (default: NODE_DLB_DEVICE, else auto)',
      ).choices(deviceNames),
    )
    .option('--id <n>', 'use the DLB device /dev/dlb<n> (default: the lowest that opens)', parseCount)
    .option('--library <file>', "Intel's libdlb, which drives DLB devices (default: NODE_DLB_LIBRARY, else libdlb.so)")
    .addOption(
      new Option('--fallback-policy <policy>', 'what takes the place of a DLB device that cannot be had, or fails')
        .choices(fallbackNames)
        .default('software'),
    )
    .option(
      '--max-retries <count>',
      'while the device is full, new connections wait; after so many tries, close those that do (default: let them wait)',
      parseCount,
    )
    .option('--stats <file>', 'write the figures to this file as JSON, at the end and at SIGUSR2; - is stderr')
    .option('--debug', 'print a line to stderr for each step of each connection')
    .option('-q, --quiet', 'print errors only')
    .addHelpText('after', examples)
    .action((entry: string, args: string[], flags: RunFlags) => run(entry, args, flags))
}
