import t from 'tap'
import { ClientTable } from '../../lib/balancer/dispatch/policies/client-table.ts'

/** Which worker has which client, by a clock and connections of the test's. */
class World {
  now = 0
  readonly open = new Set<number>()
  readonly table: ClientTable

  constructor(maxClients = 100, timeout = 1000) {
    this.table = new ClientTable({ timeout, maxClients, isOpen: (fd) => this.open.has(fd), now: () => this.now })
  }

  connect(client: number, worker: number, fd: number): void {
    this.open.add(fd)
    this.table.closed(fd)
    this.table.bind(client, worker, fd, 0)
  }

  /** A whole round of the table's own. */
  round(): void {
    for (let i = 0; i < 17; i++) this.table.step()
  }
}

t.test('a client keeps its worker while it has a connection, and for the timeout after that', async (t) => {
  const { it, table } = open(t, new World())
  it.connect(7, 2, 10)
  it.now += 50_000
  t.equal(table.workerOf(7), 2, 'it is open')
  it.round()
  it.open.clear()
  it.now += 1000
  t.equal(table.workerOf(7), 2, 'it was seen open a moment before')
  it.now += 251
  t.equal(table.workerOf(7), -1)
  t.equal(table.size, 0)
  t.equal(table.countOf(2), 0)
})

t.test('the rounds forget who has gone, and nobody else', async (t) => {
  const { it, table } = open(t, new World())
  for (let client = 1; client <= 50; client++) it.connect(client, client % 4, client)
  for (let fd = 1; fd <= 25; fd++) it.open.delete(fd)
  it.now += 1251
  it.round()
  t.equal(table.size, 25)
  t.strictSame(
    [0, 1, 2, 3].map((worker) => table.countOf(worker)),
    [6, 6, 7, 6],
  )
  t.equal(table.workerOf(26), 26 % 4)
  t.equal(table.workerOf(25), -1)
})

t.test('in a full table, the client that has been without a connection for the longest time makes room', async (t) => {
  const { it, table } = open(t, new World(3))
  for (const client of [1, 2, 3]) it.connect(client, 0, client)
  it.open.delete(2)
  it.open.delete(3)
  it.connect(4, 1, 4)
  t.strictSame(
    [1, 2, 3, 4].map((client) => table.workerOf(client)),
    [0, -1, 0, 1],
    'client 1 has a connection',
  )
  t.equal(table.size, 3)
})

t.test('clients that have connections are never forgotten, however many they are', async (t) => {
  const { it, table } = open(t, new World(3))
  for (let client = 1; client <= 20; client++) it.connect(client, client, client)
  t.equal(table.size, 20)
  for (let client = 1; client <= 20; client++) t.equal(table.workerOf(client), client)
  it.open.clear()
  it.now += 1251
  it.round()
  t.equal(table.size, 0)
})

t.test("a descriptor's next connection is another client's", async (t) => {
  const { it, table } = open(t, new World(100, 0))
  it.connect(1, 1, 10)
  it.connect(2, 2, 10)
  t.strictSame([table.workerOf(1), table.workerOf(2)], [-1, 2])
})

t.test('a client that moves is counted where it is', async (t) => {
  const { it, table } = open(t, new World())
  it.connect(1, 1, 10)
  it.connect(1, 3, 11)
  t.equal(table.workerOf(1), 3)
  t.strictSame([table.countOf(1), table.countOf(3)], [0, 1])
})

function open(t: { teardown(callback: () => void): void }, it: World): { it: World; table: ClientTable } {
  t.teardown(() => it.table.stop())
  return { it, table: it.table }
}
