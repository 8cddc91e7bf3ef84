import t, { type Test } from 'tap'
import type { ConnectionDomain } from '../../lib/balancer/dispatch/connection-domain.ts'
import { Policies } from '../../lib/balancer/dispatch/policies/index.ts'
import type { PolicyName } from '../../lib/balancer/dispatch/policies/names.ts'
import { ListenerSettingsTable } from '../../lib/balancer/listeners/settings.ts'
import { ListenerTable } from '../../lib/balancer/listeners/table.ts'
import { Eligibility } from '../../lib/balancer/workers/eligibility.ts'
import { Ledger } from '../../lib/ledger/ledger.ts'
import type { ListeningSocket } from '../../lib/net/listening-socket.ts'
import { connect, ignore } from './clients.ts'

/**
 * What main sees of the backlogs while workers accept: whether some client waits whom nobody will
 * accept.
 */

const WORKER = 0

t.test('what waits is stranded if nobody has accepted there until the next check', async (t) => {
  const { table, acceptMode, wait } = make(t)
  t.equal(table.accepting.checkBacklogs(), 'empty')
  await wait(0)
  t.equal(table.accepting.checkBacklogs(), 'waiting')
  acceptMode.countAccept(0)
  t.equal(table.accepting.checkBacklogs(), 'waiting')
  t.equal(table.accepting.checkBacklogs(), 'stranded')
})

t.test('whatever is accepted elsewhere', async (t) => {
  const { table, acceptMode, wait } = make(t)
  await wait(0)
  await wait(1)
  table.accepting.checkBacklogs()
  acceptMode.countAccept(1)
  t.equal(table.accepting.checkBacklogs(), 'stranded')
})

t.test('not where nobody could accept, or only main', async (t) => {
  const { table, eligibility, wait } = make(t, { '0': { policy: 'round-robin' as const } })
  await wait(0)
  table.accepting.checkBacklogs()
  t.equal(table.accepting.checkBacklogs(), 'empty')
  const other = make(t)
  await other.wait(0)
  other.eligibility.hold(WORKER, 'draining')
  other.table.eligibilityChanged()
  other.table.accepting.checkBacklogs()
  t.equal(other.table.accepting.checkBacklogs(), 'empty')
  t.ok(eligibility.isEligible(WORKER))
})

/** A table with two listeners, of which main does not accept. */
function make(t: Test, listeners: Record<string, { policy: PolicyName }> = {}) {
  const { acceptMode } = Ledger.create({ fdLimit: 64, workers: 1 })
  const common = { policy: 'unordered', proxyProtocol: false, deferAccept: false } as const
  const settings = new ListenerSettingsTable(common, listeners)
  const host = { directed: () => ({ opened: 0, closed: 0, dropped: 0 }), isOpen: () => false, clientOf: () => null }
  const policies = new Policies(settings.policies, 1, host as never)
  const domain = {
    policies,
    policyFor: (wanted: PolicyName) => policies.get(wanted),
    queues: [0, 1].map((id) => ({ kind: 'load-balanced', id }) as const),
    directedQueues: [{ kind: 'directed', id: 0 }],
    reclaim: ignore,
    stopReclaiming: ignore,
  } as unknown as ConnectionDomain
  const eligibility = new Eligibility(1)
  const table = new ListenerTable({
    domain,
    eligibility,
    settings,
    acceptMode,
    workersMayAccept: true,
    host: {
      accepted: () => t.fail('main accepts'),
      shed: ignore,
      failed: ignore,
      served: ignore,
      opened: ignore,
      rerouted: ignore,
      closed: ignore,
    },
  })
  table.accepting.setAcceptMode('workers')
  const opened: ListeningSocket[] = []
  for (let i = 0; i < 2; i++) {
    const common = { type: 'listen', port: 0, addressType: 4, backlog: 8, ipv6Only: false, reusePort: false } as const
    table.join(WORKER, { ...common, address: '127.0.0.1', noDelay: false, ticketKeys: null })
    opened.push(table.listeners()[i].socket as ListeningSocket)
    // Main accepts where workers do not; here it is of no interest.
    opened[i].pause()
  }
  const wait = async (index: number): Promise<void> => {
    const client = await connect(opened[index].address)
    t.teardown(() => client.destroy())
  }
  t.teardown(() => table.stopListening(false))
  return { table, acceptMode, eligibility, wait }
}
