import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { labelsText, type Plan } from './istio/plan.ts'

/** Where the services that the routes lead to are. */
export interface Backends {
  /** By host:port in the documents: http://host:port. */
  readonly origins: Readonly<Record<string, string>>
  /** For people: where each service is. */
  readonly places: ReadonlyMap<string, string>
  close(): Promise<void>
}

/**
 * A service that nothing here serves, or that the flags name and no route leads to. The message
 * names the fix.
 */
export class BackendError extends Error {}

/**
 * Finds a service's origin. A cluster finds its pods by its selector. Here, a thread that this
 * function starts serves what is labelled app=httpbin, and `--backend` says where other services
 * are.
 * @param given origins by host:port, from --backend
 * @throws BackendError
 */
export async function openBackends(services: Plan['services'], given: ReadonlyMap<string, string>): Promise<Backends> {
  check(services, given)
  const own = [...services.keys()].filter((service) => !given.has(service))
  const origins = new Map([...services.keys()].map((service) => [service, given.get(service) ?? '']))
  const places = new Map(origins)
  if (own.length === 0) return { origins: Object.fromEntries(origins), places, close: async () => undefined }

  const httpbin = new Worker(new URL('./httpbin-thread.js', import.meta.url), { name: 'httpbin' })
  const [port] = (await once(httpbin, 'message')) as [number]
  for (const service of own) {
    origins.set(service, `http://127.0.0.1:${port}`)
    places.set(service, `the httpbin here, http://127.0.0.1:${port}`)
  }
  return {
    origins: Object.fromEntries(origins),
    places,
    close: async () => {
      await httpbin.terminate()
    },
  }
}

function check(services: Plan['services'], given: ReadonlyMap<string, string>): void {
  const lost = [...services]
    .filter(([service, labels]) => !given.has(service) && labels.app !== 'httpbin')
    .map(
      ([service, labels]) =>
        `nothing here is ${labelsText(labels) || 'without a selector'}: ` +
        `say where ${service} is, --backend ${service}=host:port`,
    )
  const unknown = [...given.keys()]
    .filter((service) => !services.has(service))
    .map((service) => `no route leads to ${service} of --backend; routes lead to ${[...services.keys()].join(', ')}`)
  const problems = [...lost, ...unknown]
  if (problems.length > 0) throw new BackendError(problems.join('\n'))
}
