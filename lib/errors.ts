/**
 * The codes of all errors that node-dlb throws or emits on purpose. Each error has a stable `code`
 * to match on, a message that says what to do, and the underlying failure as `cause`.
 * docs/errors.md lists the same codes, and a test compares the two lists.
 */
export const errorCodes = {
  ERR_DLB_INVALID_ARGUMENT: 'An argument has the wrong type or is out of its range.',
  ERR_DLB_UNKNOWN_QUEUE: 'The queue does not exist in this domain.',
  ERR_DLB_UNKNOWN_PORT: 'The port does not exist in this domain.',
  ERR_DLB_NO_RESOURCES: 'The device, or the domain, has fewer resources left than were asked for.',
  ERR_DLB_NOT_STARTED: 'The domain has to be started first.',
  ERR_DLB_ALREADY_STARTED: "A started domain's queues and ports are fixed.",
  ERR_DLB_PORT_ATTACHED: 'Another thread, or another Port object, has the port.',
  ERR_DLB_PORT_DETACHED: 'This Port object no longer has the port.',
  ERR_DLB_WRONG_SCHEDULING: "The event's scheduling type does not fit the queue or the port.",
  ERR_DLB_RELEASE_EXCEEDED: 'More events were released or forwarded than received.',
  ERR_DLB_FOREIGN_BUFFER: 'The event buffer belongs to another domain.',
  ERR_DLB_CLOSED: 'The device or domain is closed.',
  ERR_DLB_IN_USE: 'The device, domain or port is still in use.',
  ERR_DLB_DEVICE_UNAVAILABLE: 'The requested device cannot be opened on this machine.',
  ERR_DLB_ADDON_UNAVAILABLE: 'The native addon is not built, or cannot be loaded on this machine.',
  ERR_DLB_LISTEN: 'Listening failed; the cause has the errno.',
  ERR_DLB_ENTRY_FAILED: 'A worker ended with an error before its entry listened.',
  ERR_DLB_TIMEOUT: 'A step took longer than its time limit.',
  ERR_DLB_NODE_INTERNALS: 'This Node lacks an internal that adopting connections needs.',
  ERR_DLB_NOT_A_WORKER: "The call works only in a balancer's worker thread.",
  ERR_DLB_DEVICE_FAILED: "A call of the device's library failed; the cause has its errno.",
  ERR_DLB_PORT_STOPPED: 'The port was stopped, by stop() or by a reset of the device.',
  ERR_DLB_UNSUPPORTED: 'This device, its library or this CPU cannot do it.',
  ERR_DLB_THREAD_FAILED: "A worker's thread cannot be started.",
  ERR_DLB_IN_WORKER: "The call does not work in a balancer's worker thread.",
} as const

export type ErrorCode = keyof typeof errorCodes

export class NodeDlbError extends Error {
  readonly code: ErrorCode

  /** @throws ERR_DLB_INVALID_ARGUMENT */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    if (!Object.keys(errorCodes).includes(code) || typeof message !== 'string') throw wrongUse()
    super(message, options && readCause(options))
    this.name = 'NodeDlbError'
    this.code = code
  }
}

/**
 * The error that a wrong use of the constructor throws. The constructor does not name its own
 * class, because a bundler may rename the class, and error messages would show that name.
 */
function wrongUse(): NodeDlbError {
  return new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', 'an error takes a code of errorCodes, and a message')
}

/** Reads `cause`, which throws if `options` is a Proxy or has a getter that throws. */
function readCause(options: ErrorOptions): ErrorOptions {
  try {
    return 'cause' in options ? { cause: options.cause } : {}
  } catch (cause) {
    throw new NodeDlbError('ERR_DLB_INVALID_ARGUMENT', "an error's options must be an object that can be read", {
      cause,
    })
  }
}
