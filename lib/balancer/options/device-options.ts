import { type BalancerOptions, deviceNames, fallbackNames } from './balancer-options.ts'
import { libraryFile, logSink, oneOf, orNull, wholeNumber } from './kinds.ts'
import type { OptionTable } from './option.ts'

const MAX_RETRIES = 1_000_000
const MAX_CREDITS = 16_384

/** The queue device, and what takes its place. */
export const deviceOptions = {
  device: {
    kind: oneOf(deviceNames),
    default: undefined,
    defaultInDocs: "NODE_DLB_DEVICE, else `'auto'`",
    summary: 'The queue device that connections go through.',
    flag: { usage: '--device <device>', defaultInHelp: 'NODE_DLB_DEVICE, else auto' },
  },
  id: {
    kind: wholeNumber(0, 63),
    default: undefined,
    defaultInDocs: 'the lowest that opens',
    summary: 'The n of the DLB device `/dev/dlb<n>`.',
    flag: {
      usage: '--id <n>',
      reads: 'count',
      help: 'use the DLB device /dev/dlb<n>',
      defaultInHelp: 'the lowest that opens',
    },
  },
  library: {
    kind: libraryFile,
    default: undefined,
    defaultInDocs: 'NODE_DLB_LIBRARY, else `libdlb.so`',
    summary: "Intel's libdlb, which drives DLB devices.",
    flag: {
      usage: '--library <file>',
      help: "Intel's libdlb, which drives DLB devices",
      defaultInHelp: 'NODE_DLB_LIBRARY, else libdlb.so',
    },
  },
  fallbackPolicy: {
    kind: oneOf(fallbackNames),
    default: 'software',
    summary: 'What takes the place of a DLB device that cannot be had, or fails.',
    flag: { usage: '--fallback-policy <policy>' },
  },
  maxRetries: {
    kind: orNull(wholeNumber(0, MAX_RETRIES)),
    default: null,
    summary: 'While the device is full, new connections wait; after this many tries, those that wait are shed.',
    flag: {
      usage: '--max-retries <count>',
      reads: 'count',
      help: 'while the device is full, new connections wait; after this many tries, close those that do',
      defaultInHelp: 'let them wait',
    },
  },
  credits: {
    kind: wholeNumber(1, MAX_CREDITS),
    default: undefined,
    defaultInDocs: '64 per worker, plus 320',
    summary: 'How many connections may wait in the device.',
  },
} satisfies Partial<OptionTable<BalancerOptions>>

export const debugOptions = {
  debug: {
    kind: logSink,
    default: undefined,
    defaultInDocs: '`true` if NODE_DEBUG has `dlb`',
    summary: 'Print a line to stderr for each step of each connection.',
    flag: { usage: '--debug' },
  },
} satisfies Partial<OptionTable<BalancerOptions>>
