import t from 'tap'
import { type Case, runRounds } from '../../bench/lib/rounds.ts'

const ran: string[] = []

function make(name: string, run = (): number => ran.push(name), warmUpRound = false): Case {
  return { group: 'group', name, warmUpRound, run: async () => ({ figures: { place: run() } }) }
}

t.beforeEach(() => ran.splice(0))

t.test('each case runs in each round, every other round from the last to the first', async (t) => {
  const rounds: number[] = []
  const results = await runRounds(
    ['a', 'b', 'c'].map((name) => make(name)),
    3,
    () => undefined,
    () => rounds.push(ran.length),
  )
  t.equal(ran.join(''), 'abccbaabc')
  t.strictSame(rounds, [3, 6, 9])
  t.strictSame(
    results.map(({ name, samples }) => [name, samples.map(({ figures }) => figures.place)]),
    [
      ['a', [1, 6, 7]],
      ['b', [2, 5, 8]],
      ['c', [3, 4, 9]],
    ],
  )
})

t.test('one that fails is not tried again, and a round to warm up is not counted', async (t) => {
  const fails = (): number => {
    ran.push('x')
    throw new Error('broken')
  }
  const cases = [make('a', undefined, true), make('x', fails), make('b')]
  const results = await runRounds(cases, 2, () => undefined)
  t.equal(ran.join(''), 'aaxbba')
  t.strictSame(
    results.map(({ samples, failure }) => [samples.length, failure]),
    [
      [2, null],
      [0, 'broken'],
      [2, null],
    ],
  )
})
