import t from 'tap'
import { type DrainNotice, onDrain } from '../../lib/index.ts'
import { tellOfDrain } from '../../lib/worker/drain/drain-notice.ts'

const notice: DrainNotice = { worker: 1, signal: 'SIGTERM', deadline: 2000, timeout: 1000 }

t.test('onDrain calls all that ask for it, until they take it back', async (t) => {
  const told: string[] = []
  const [first, second] = ['first', 'second'].map((name) =>
    onDrain((drain) => {
      t.strictSame(drain, notice)
      told.push(name)
    }),
  )
  tellOfDrain(notice)
  first()
  tellOfDrain(notice)
  second()
  tellOfDrain(notice)
  t.strictSame(told, ['first', 'second', 'second'])
})

t.test('onDrain takes a function', async (t) => {
  const wrong = 'SIGTERM' as unknown as () => void
  t.throws(() => onDrain(wrong), {
    code: 'ERR_DLB_INVALID_ARGUMENT',
    message: "onDrain takes a function, not 'SIGTERM'",
  })
})
