import type { AddressInfo } from 'node:net'
// This imports the bundles that ship, because the modules that they are made of take longer to
// start.
import { type PolicyName, startBalancer } from 'node-dlb'
import { appMain, args, serve, spec } from './serve.ts'

/** argv: the policy, and names of options that are switched on. */
await serve(async () => {
  const entry = spec.bare ? appMain : new URL('node-dlb-app.js', import.meta.url)
  const balancer = await startBalancer({
    entry,
    workers: spec.workers,
    policy: args[0] as PolicyName,
    ...Object.fromEntries(args.slice(1).map((option) => [option, true])),
  })
  const { port } = balancer.addresses[0] as AddressInfo
  return { port, reload: () => balancer.reload() }
})
