import t from 'tap'
import { Screen } from '../../examples/ingress-gateway/screen.ts'

class Written {
  readonly isTTY: boolean
  readonly columns = 60
  text = ''

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }
}

const loads = (...open: number[]): { open: number; total: number }[] => open.map((n) => ({ open: n, total: n * 2 }))

t.test('on a terminal the live line is rewritten, and stays below the others', async (t) => {
  const out = new Written(true)
  const screen = new Screen(out)
  screen.line('first')
  screen.update(loads(1, 2))
  screen.update(loads(1, 2))
  screen.line('second')
  screen.update(loads(3, 2))
  screen.stop()
  screen.line('last')
  const [before, after] = [
    'open connections  worker_0 1  worker_1 2  | 3 open, 6 so far',
    'open connections  worker_0 3  worker_1 2  | 5 open, 10 so far',
  ].map((line) => line.slice(0, 59))
  const erase = '\r\x1b[K'
  t.equal(out.text, `${erase}first\n${erase}${before}${erase}second\n${before}${erase}${after}\n${erase}last\n`)
})

t.test('elsewhere it is a line when it has changed, and at most every 10 s', async (t) => {
  const out = new Written(false)
  const screen = new Screen(out)
  screen.line('first')
  screen.update(loads(1), 0)
  screen.update(loads(2), 9_999)
  screen.update(loads(2), 10_000)
  screen.update(loads(2), 30_000)
  screen.stop()
  t.equal(
    out.text,
    'first\nopen connections  worker_0 1  | 1 open, 2 so far\nopen connections  worker_0 2  | 2 open, 4 so far\n',
  )
})
