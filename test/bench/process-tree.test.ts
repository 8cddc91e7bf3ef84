import { fork } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { cpuOfTree, memoryOfTree, parseStat, treeOf } from '../../bench/lib/process-tree.ts'
import { source } from '../programs.ts'

t.test('a name in /proc/<pid>/stat can hold anything', async (t) => {
  const rest = `S 7 1 1 0 -1 4194304 100 0 0 0 ${[10, 20, 3, 4].join(' ')} 20 0 1 0 5`
  t.strictSame(parseStat(`42 (a) b) (c) ${rest}`), { pid: 42, parent: 7, ticks: 37 })
})

t.test(
  'the CPU time and memory of a tree are those of all that is in it',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const root = fork(source('test/bench/fixtures/tree.mjs'), { env: { ...process.env, NODE_OPTIONS: '' } })
    const pid = root.pid as number
    t.teardown(() => root.disconnect())
    await once(root, 'message')

    const tree = treeOf(pid)
    t.equal(tree.length, 3)
    t.equal(tree[0].pid, pid)
    t.equal(tree[1].parent, tree[0].pid)
    t.equal(tree[2].parent, tree[1].pid)

    const cpu = cpuOfTree(pid)
    t.ok(cpu >= 3 * 290_000, `300 ms of each of the three: ${cpu} µs`)
    t.ok(cpu > cpuOfTree(tree[1].pid) && cpuOfTree(tree[1].pid) > cpuOfTree(tree[2].pid))
    t.ok(memoryOfTree(pid) > memoryOfTree(tree[2].pid) && memoryOfTree(tree[2].pid) > 2 ** 20)

    root.send('end')
    await once(root, 'message')
    t.equal(treeOf(pid).length, 2)
    t.ok(cpuOfTree(pid) >= cpu, 'what a process has used is not forgotten when it ends')
  },
)

t.test('a process that is not there has used nothing', async (t) => {
  t.strictSame(treeOf(2 ** 30), [])
  t.equal(cpuOfTree(2 ** 30), 0)
})
