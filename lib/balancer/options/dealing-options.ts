import { policyNames } from '../dispatch/policies/names.ts'
import { type BalancerOptions, overLimitNames } from './balancer-options.ts'
import { boolean, MAX_MS, oneOf, orNull, wholeNumber } from './kinds.ts'
import { listeners } from './listener-options.ts'
import type { OptionTable } from './option.ts'

/** Which worker gets a connection. */
export const dealingOptions = {
  policy: {
    kind: oneOf(policyNames),
    default: 'unordered',
    summary: 'Which worker gets a new connection.',
    flag: { usage: '--policy <policy>' },
  },
  listeners: {
    kind: listeners,
    default: {},
    defaultInDocs: '`{}`',
    summary: 'Listeners with settings of their own, by what the app listens on.',
    flag: {
      usage: '--listener <address=policy>',
      reads: 'listener',
      help: [
        'give one address that the server listens on a policy of its own, as in 8443=exact;',
        'a priority from 0 (first) to 7, as in 8443=exact,1 or 8443=,1; or proxy for the PROXY protocol, as in',
        "8443=,proxy. The address is a port, host:port or a socket's path. Can be given several times",
      ].join(' '),
    },
  },
  affinityTimeout: {
    kind: wholeNumber(0, MAX_MS),
    default: 60_000,
    summary: 'With the policy `affinity`, how long a client keeps its worker after its last connection.',
    flag: {
      usage: '--affinity-timeout <time>',
      reads: 'time',
      help: 'with --policy affinity, how long a client keeps its worker after its last connection',
    },
  },
} satisfies Partial<OptionTable<BalancerOptions>>

/** The limits on load, and what to do about workers that have too much or too little. */
export const loadOptions = {
  maxConnections: {
    kind: orNull(wholeNumber(1, MAX_MS)),
    default: null,
    summary: 'How many connections may be open at a time.',
    flag: { usage: '--max-connections <count>', reads: 'count', defaultInHelp: 'no limit' },
  },
  maxConnectionsPerWorker: {
    kind: orNull(wholeNumber(1, MAX_MS)),
    default: null,
    summary: 'How many connections may be open at each worker.',
    flag: { usage: '--max-connections-per-worker <count>', reads: 'count', defaultInHelp: 'no limit' },
  },
  overLimit: {
    kind: oneOf(overLimitNames),
    default: 'wait',
    summary: 'What happens to connections beyond these limits.',
    flag: { usage: '--over-limit <what>' },
  },
  stallTimeout: {
    kind: wholeNumber(0, MAX_MS),
    default: 3,
    summary: 'When a worker is blocked for this long, the connections that wait for it go to others; 0: never.',
    flag: { usage: '--stall-timeout <time>', reads: 'time' },
  },
  maxEventLoopDelay: {
    kind: orNull(wholeNumber(1, MAX_MS)),
    default: null,
    summary: 'Give no new connections to a worker whose event loop is later than this.',
    flag: {
      usage: '--max-event-loop-delay <time>',
      reads: 'time',
      help: 'give no new connections to a worker whose event loop is later than this, as in 50ms',
      defaultInHelp: 'not measured',
    },
  },
  parking: {
    kind: boolean,
    default: false,
    summary: "Under light load, use fewer workers and let the others' threads sleep.",
    flag: { usage: '--parking' },
  },
} satisfies Partial<OptionTable<BalancerOptions>>

/** What clients send first. */
export const protocolOptions = {
  proxyProtocol: {
    kind: boolean,
    default: false,
    summary: "Connections come from a proxy that begins each with the PROXY protocol's header.",
    flag: { usage: '--proxy-protocol' },
  },
  deferAccept: {
    kind: boolean,
    default: false,
    summary: 'Accept a TCP connection once its client has sent something, or after a second.',
    flag: { usage: '--defer-accept' },
  },
} satisfies Partial<OptionTable<BalancerOptions>>
