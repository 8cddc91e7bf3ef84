import t from 'tap'

const module = new URL('../lib/time-scale.js', import.meta.url).href

t.test('times are scaled by a factor above 0, and by nothing else', async (t) => {
  const before = process.env.NODE_DLB_TIME_SCALE
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_DLB_TIME_SCALE
    else process.env.NODE_DLB_TIME_SCALE = before
  })
  const factors = { '0.2': 0.2, '1': 1, '': 1, '0': 1, '-1': 1, '2': 2, Infinity: 1, x: 1 }
  for (const [text, factor] of Object.entries(factors)) {
    process.env.NODE_DLB_TIME_SCALE = text
    const { scaled } = await import(`${module}?${text}`)
    t.equal(scaled(1000), factor * 1000, `'${text}'`)
  }
})
