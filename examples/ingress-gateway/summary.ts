import type { Gateway } from './gateway.ts'
import type { Plan } from './istio/plan.ts'
import { type PathMatch, Router } from './proxy/routes.ts'

export interface Summary {
  readonly config: readonly string[]
  readonly plan: Plan
  readonly gateway: Gateway
  readonly host: string
  readonly workers: number
  readonly workersWhy: string
  /** Where each service is. */
  readonly places: ReadonlyMap<string, string>
}

/** The paths that Istio's instructions try. */
const TRIED_PATHS = ['/status/200', '/headers']
const UNSPECIFIED: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }

/** Returns the lines that are printed at the start: what runs, why, and how to try it. */
export function summaryLines({ config, plan, gateway, host, workers, workersWhy, places }: Summary): string[] {
  const url = `http://${UNSPECIFIED[host] ?? (host.includes(':') ? `[${host}]` : host)}:${gateway.port}`
  return [
    'node-dlb ingress gateway',
    ...row('config', config.join(' ')),
    ...plan.notes.flatMap((note) => row('note', note)),
    ...row('balancing', `${plan.balancing ? 'DLB' : 'nop'} (${plan.balancingWhy})`),
    ...row('device', gateway.device),
    ...row('policy', gateway.policy),
    ...row('workers', `${workers} threads (${workersWhy})`),
    ...row('listening', `${url} (port ${plan.clusterPort} in the Gateway)`),
    ...plan.virtualHosts.flatMap(({ hosts, routes }) =>
      routes.flatMap(({ matches, targets }) => {
        const services = targets.map(({ service }) => service).join(' or ')
        return row('route', `${hosts.join(' ')}  ${matches.map(matchText).join(' ') || '/*'} -> ${services}`)
      }),
    ),
    ...[...places].flatMap(([service, place]) => row('backend', `${service} is ${place}`)),
    '',
    'Try:',
    ...commands(plan, url),
    '',
    'Ctrl-C stops accepting, and lets open connections finish.',
  ]
}

function row(name: string, text: string): string[] {
  return [`  ${name.padEnd(10)} ${text}`]
}

function matchText({ type, value }: PathMatch): string {
  if (type === 'prefix') return `${value}*`
  return type === 'exact' ? value : `~${value}`
}

/** Returns the commands of Istio's instructions, and what the routes make of each. */
function commands({ virtualHosts }: Plan, url: string): string[] {
  const router = new Router(virtualHosts)
  const pattern = virtualHosts[0]?.hosts[0] ?? '*'
  const host = pattern.replace('*', pattern === '*' ? 'www.example.com' : 'www')
  const tries = [
    ...TRIED_PATHS.map((path) => ({ host, header: ` -HHost:${host}`, path })),
    { host: '127.0.0.1', header: '', path: TRIED_PATHS[0] },
  ]
  return tries.map(({ host, header, path }) => {
    const service = router.find(host, path, 0)
    return `  ${`curl -s -I${header} "${url}${path}"`.padEnd(80)} # ${service ?? '404: no route'}`
  })
}
