import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseCount, parseDuration } from '../../lib/cli/parse.ts'

export interface Options {
  readonly config: readonly string[]
  readonly host: string
  readonly port: number
  /** The number of threads; null: what the IstioOperator says. */
  readonly workers: number | null
  /** Origins by host:port in the documents. */
  readonly backends: ReadonlyMap<string, string>
  /** Milliseconds that a backend has to start its answer; 0 means any time. */
  readonly backendTimeout: number
  readonly drainTimeout: number
  readonly debug: boolean
}

/** The folder is the sources', because YAML is not compiled. */
export const configFolder = fileURLToPath(new URL('../../../examples/ingress-gateway/config', import.meta.url))

const examples = `
Examples:
  $ npm start
  $ npm start -- --port 9000 --debug
  $ npm start -- --config my-gateway/ --backend shop:80=127.0.0.1:3000

Ctrl-C stops accepting and lets open connections finish; a second one, half a second later or more, cuts them. The exit
code is 0 after that, 1 if connections were cut at the deadline or the gateway could not start, 2 for wrong usage or
configuration.`

/** @throws CommanderError once the error, or the help, has been printed */
export function parseOptions(argv: readonly string[]): Options {
  const backends = new Map<string, string>()
  const command = new Command('npm start --')
    .description("An HTTP ingress gateway on balanced worker threads, configured by Istio's documents")
    .addOption(
      new Option('--config <paths...>', 'YAML files, or folders of them').default(
        [configFolder],
        'examples/ingress-gateway/config',
      ),
    )
    .option('--host <address>', 'address to listen on; 0.0.0.0 for all', parseHost, '127.0.0.1')
    .option('--port <number>', "port to listen on, whatever the Gateway's is; 0: any that is free", parsePort, 8080)
    .option(
      '--workers <count>',
      "worker threads; 0: one per CPU (default: the IstioOperator's concurrency)",
      parseCount,
    )
    .option('--backend <service=host:port>', 'where a service is, such as shop:80=127.0.0.1:3000; repeatable', (text) =>
      addBackend(text, backends),
    )
    .addOption(
      duration('--backend-timeout <time>', 'how long a backend may take to start its answer; 0s: any time', '15s'),
    )
    .addOption(duration('--drain-timeout <time>', 'how long open connections may take to finish', '10s'))
    .option('--debug', 'print a line per connection and step of the device')
    .addHelpText('after', examples)
    .exitOverride()
    .parse(argv)
  const { workers = null, debug = false, ...rest } = command.opts<Omit<Options, 'backends'>>()
  return { ...rest, workers, debug, backends }
}

function duration(flags: string, description: string, value: string): Option {
  return new Option(flags, description).argParser(parseDuration).default(parseDuration(value), value)
}

function parseHost(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Give an address, such as 0.0.0.0 for all.')
  return text
}

function parsePort(text: string): number {
  const port = parseCount(text)
  if (port > 65_535) throw new InvalidArgumentError('Give a port from 0 to 65535.')
  return port
}

function addBackend(text: string, backends: Map<string, string>): void {
  const [, service, address] = /^([^=]+:\d+)=([^=/]+:\d+)$/.exec(text) ?? []
  if (!service || !address || !URL.canParse(`http://${address}`)) {
    throw new InvalidArgumentError('Give service:port=host:port, such as shop:80=127.0.0.1:3000.')
  }
  if (backends.has(service)) throw new InvalidArgumentError(`${service} is given twice.`)
  backends.set(service, `http://${address}`)
}
