import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import type { Result } from '../../bench/lib/rounds.ts'
import { compare, describeChanges, judge } from '../../bench/report/compare.ts'
import { htmlReport } from '../../bench/report/html.ts'
import { makeRecord, readRecord, writeRecord } from '../../bench/report/record.ts'
import { textTables } from '../../bench/report/text.ts'

const at = (min: number, median: number, max: number): { min: number; median: number; max: number } => ({
  min,
  median,
  max,
})

/** A result whose rounds had these values. */
function result(name: string, figures: Record<string, number[]>): Result {
  const rounds = Object.values(figures)[0].length
  const samples = Array.from({ length: rounds }, (_, i) => ({
    figures: Object.fromEntries(Object.entries(figures).map(([figure, values]) => [figure, values[i]])),
  }))
  return { group: 'stall, stalls', name: `stall, stalls: ${name}`, samples, failure: null }
}

t.test('rounds that overlap have not changed, however far apart the medians are', async (t) => {
  t.equal(judge('p99 ms', at(1, 2, 10), at(9, 50, 90)), 'within the spread')
  t.equal(judge('p99 ms', at(1, 2, 3), at(3, 4, 5)), 'within the spread')
  t.equal(judge('failed requests', at(0, 0, 0), at(0, 0, 0)), 'within the spread')
})

t.test('a cost that rises is worse, a rate that rises is better', async (t) => {
  t.equal(judge('p99 ms', at(1, 2, 3), at(4, 5, 6)), 'worse')
  t.equal(judge('p99 ms', at(4, 5, 6), at(1, 2, 3)), 'better')
  t.equal(judge('connections/s', at(1, 2, 3), at(4, 5, 6)), 'better')
  t.equal(judge('million events/s', at(4, 5, 6), at(1, 2, 3)), 'worse')
  t.equal(judge('failed requests', at(0, 0, 0), at(1, 2, 3)), 'worse')
  t.equal(judge('CPU µs/connection', at(4, 5, 6), at(1, 2, 3)), 'better')
})

t.test('only what both have is compared, and not the client itself', async (t) => {
  const before = [result('a', { 'p99 ms': [1, 2, 3], gone: [1, 1, 1], 'client late p99 ms': [1, 1, 1] })]
  const after = [
    result('a', { 'p99 ms': [7, 8, 9], fresh: [1, 1, 1], 'client late p99 ms': [5, 5, 5] }),
    result('b', { 'p99 ms': [1, 1, 1] }),
  ]
  const changes = compare(before, after)
  t.match(changes, [{ name: 'stall, stalls: a', figure: 'p99 ms', verdict: 'worse' }])
  t.equal(changes.length, 1)
  t.strictSame(describeChanges(changes), [
    '1 of 1 figures have changed beyond the spread',
    'worse: stall, stalls: a, p99 ms: 2 (1–3) → 8 (7–9)',
  ])
})

t.test('a record is read as it was written, and nothing else is taken for one', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'node-dlb-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'bench.json')
  const record = makeRecord({ at: 'now', facts: ['one'], skipped: [], results: [result('a', { 'p99 ms': [1, 2] })] })
  writeRecord(file, record)
  t.strictSame(readRecord(file), record)
  writeFileSync(file, '{"results":[]}')
  t.throws(() => readRecord(file), { message: /not a record of this bench/ })
})

t.test('reports show what was measured, what failed, and no markup from names', async (t) => {
  const failed: Result = { group: 'stall, stalls', name: 'stall, stalls: b', samples: [], failure: 'it <ended>' }
  const results = [result('a<b>', { 'p99 ms': [1, 2, 3], 'failed requests': [0, 0, 0] }), failed]
  t.equal(textTables(results), 'stall, stalls   p99 ms    failed requests\na<b>            2 (1–3)   0')
  const html = htmlReport(makeRecord({ at: 'now', facts: ['machine'], skipped: ['c: no'], results }), ['worse: x'])
  t.match(html, /failed: stall, stalls: b: it &#60;ended&#62;/)
  t.match(html, /<th>a&#60;b&#62;<\/th><td>2 \(1–3\)<\/td><td>0<\/td>/)
  t.match(html, /skipped: c: no/)
  t.match(html, /<li>worse: x<\/li>/)
  t.notMatch(html, /NaN|undefined|Infinity|<script|https?:/)
})
