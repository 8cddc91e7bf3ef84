import type { PolicyName } from '../dispatch/policies/names.ts'

/** The options that can be set for a single listener. */
export interface ListenerOptions {
  /** Default: the balancer's. */
  readonly policy?: PolicyName | undefined
  /**
   * 0 (first) to 7. While connections wait, those of a better priority are dealt first. Default 0.
   */
  readonly priority?: number | undefined
  /** Connections begin with a PROXY protocol header, version 1 or 2. Default: the balancer's. */
  readonly proxyProtocol?: boolean | undefined
  /** Default: the balancer's. */
  readonly deferAccept?: boolean | undefined
}

export interface ListenerSettings {
  readonly policy: PolicyName
  readonly priority: number
  readonly proxyProtocol: boolean
  readonly deferAccept: boolean
}

/**
 * The listeners' settings, by what the app listens on: 'host:port', 'port', or a Unix socket's
 * path.
 */
export class ListenerSettingsTable {
  readonly #default: ListenerSettings
  readonly #own: ReadonlyMap<string, ListenerSettings>

  constructor(common: Omit<ListenerSettings, 'priority'>, listeners: Readonly<Record<string, ListenerOptions>>) {
    this.#default = { ...common, priority: 0 }
    const own = Object.entries(listeners).map(([address, options]) => {
      const settings = {
        policy: options.policy ?? common.policy,
        priority: options.priority ?? 0,
        proxyProtocol: options.proxyProtocol ?? common.proxyProtocol,
        deferAccept: options.deferAccept ?? common.deferAccept,
      }
      return [address, settings] as const
    })
    this.#own = new Map(own)
  }

  /** The policies of all listeners. */
  get policies(): ReadonlySet<PolicyName> {
    return new Set([this.#default, ...this.#own.values()].map(({ policy }) => policy))
  }

  /** Whether some listeners have a better priority than others. */
  get hasPriorities(): boolean {
    return [...this.#own.values()].some(({ priority }) => priority !== this.#default.priority)
  }

  /** @param port the port that the app asked for: 0 for any port, -1 if the address is a path */
  find(address: string | null, port: number): ListenerSettings {
    const whole =
      port === -1 ? (address ?? '') : `${address?.includes(':') ? `[${address}]` : (address ?? '*')}:${port}`
    return this.#own.get(whole) ?? this.#own.get(String(port)) ?? this.#default
  }
}
