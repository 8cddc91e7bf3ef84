import { istioOperator, service } from './installation-kinds.ts'
import { envoyFilter, gateway, virtualService } from './networking-kinds.ts'
import type { Infer } from './schema.ts'

/**
 * The documents that the gateway reads, with every field that it knows: installation-kinds.ts and
 * networking-kinds.ts. A known field has its effect, or describes what this gateway is anyway, or
 * stands for something that Istio does and this gateway does not, which is noted or refused.
 */
export const kinds = {
  IstioOperator: istioOperator,
  Service: service,
  Gateway: gateway,
  VirtualService: virtualService,
  EnvoyFilter: envoyFilter,
} as const

/** The value of a valid document of each kind. */
export interface Values {
  readonly IstioOperator: Infer<typeof istioOperator>
  readonly Service: Infer<typeof service>
  readonly Gateway: Infer<typeof gateway>
  readonly VirtualService: Infer<typeof virtualService>
  readonly EnvoyFilter: Infer<typeof envoyFilter>
}

export type Kind = keyof Values

export function isKind(value: unknown): value is Kind {
  return typeof value === 'string' && Object.hasOwn(kinds, value)
}
