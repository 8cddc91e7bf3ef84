import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { peerNamed } from '../../bench/balancer/peers/index.ts'
import { isSince } from '../../bench/balancer/peers/node-peer.ts'
import { trials } from '../../bench/balancer/trials/index.ts'
import type { BenchRecord } from '../../bench/report/record.ts'
import { type Outcome, runNode } from '../programs.ts'

const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url))
const run = (...args: string[]): Promise<Outcome> => runNode([main, ...args])
const folder = mkdtempSync(path.join(tmpdir(), 'node-dlb-test-'))
t.teardown(() => rmSync(folder, { recursive: true }))

t.test('trials name peers that there are, and have names of their own', async (t) => {
  for (const { peers, variants } of trials) {
    for (const name of [
      ...peers,
      ...variants.flatMap((variant) => [...(variant.peers ?? []), ...(variant.short ?? [])]),
    ]) {
      t.equal(peerNamed(name).name, name)
    }
  }
  const groups = trials.flatMap(({ name, variants }) => variants.map((variant) => `${name}, ${variant.name}`))
  t.equal(new Set(groups).size, groups.length)
  t.throws(() => peerNamed('nobody'), { message: /there is no peer 'nobody', but .*cluster round robin/ })
})

t.test('a line of releases has a thing from a minor version on, later lines have it at once', async (t) => {
  const since = [
    [24, 20],
    [26, 6],
  ] as const
  const versions: [number, number][] = [
    [20, 99],
    [24, 19],
    [24, 20],
    [25, 0],
    [26, 5],
    [26, 6],
    [27, 0],
  ]
  t.strictSame(
    versions.map((version) => isSince(version, since)),
    [false, false, true, false, false, true, true],
  )
})

t.test('a trial runs, and what it measured is in the report and can be compared', async (t) => {
  if (process.platform !== 'linux') return
  const args = ['stall, stalls', '--rounds', '1', '--seconds', '0.5', '--out', folder]
  const peers = ['--peer', 'node-dlb unordered', '--peer', 'cluster SCHED_NONE']
  const { code, stdout, stderr } = await run(...args, ...peers)
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /servers on Node v/)
  t.match(
    stdout,
    /\nstall, stalls +p50 ms +p99 ms +p99\.9 ms +CPU µs\/connection +failed requests .*\nnode-dlb unordered +\d/,
  )
  const record = JSON.parse(readFileSync(path.join(folder, 'bench.json'), 'utf8')) as BenchRecord
  t.strictSame(
    record.results.map(({ name, failure, samples }) => [
      name,
      failure,
      samples.length,
      samples[0].figures['failed requests'],
    ]),
    [
      ['stall, stalls: node-dlb unordered', null, 1, 0],
      ['stall, stalls: cluster SCHED_NONE', null, 1, 0],
    ],
  )
  for (const { samples } of record.results) {
    t.ok(samples[0].figures['p50 ms'] > 0 && samples[0].figures['CPU µs/connection'] > 0)
    t.strictSame(Object.keys(samples[0].latencies ?? {}), ['others'], 'those that stall are not measured')
  }
  t.match(readFileSync(path.join(folder, 'bench.html'), 'utf8'), /^<!doctype html>.*<svg.*<\/html>\n$/s)
})

t.test('what cannot be run is said before anything runs', async (t) => {
  t.match(await run('nothing like it', '--no-out'), { code: 2, stdout: '', stderr: /no such trial/ })
  t.match(await run('stall', '--compare', '/nowhere.json'), {
    code: 2,
    stdout: '',
    stderr: /cannot compare: .*nowhere/,
  })
  for (const wrong of [
    ['--rounds', '0'],
    ['--seconds', '-1'],
  ])
    t.match(await run('stall', ...wrong), { code: 2, stdout: '' })
  t.match(await run('stall', '--list', '--peer', 'cluster round'), {
    code: 0,
    stdout: 'stall, stalls: cluster round robin\nstall, no stalls: cluster round robin\n',
  })
})
