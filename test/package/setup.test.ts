import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, utimes } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { Checkout } from './checkout.ts'

const built = 'build/Release/node_dlb.node'
const bundled = ['dist/lib/bundle/index.js', 'dist/lib/bundle/bootstrap.cjs']

/** The first test sets it up, the others begin with copies of it. */
const ready = await Checkout.make(t.testdir())

t.test('the first set-up installs, builds and compiles, the second finds nothing to do', async (t) => {
  const first = await ready.setUp()
  t.match(first, { code: 0, stdout: '' })
  t.match(
    first.stderr.split('\n').filter((line) => !line.startsWith('setup:   done')),
    [
      'setup: installing packages with npm ci (no node_modules yet)',
      'setup: building the native addon with node-gyp',
      'setup: compiling TypeScript',
      'setup: bundling',
      'setup: ready',
    ],
  )
  for (const file of [built, 'dist/lib/one.js', 'dist/lib/two.mjs', ...bundled])
    t.ok(existsSync(path.join(ready.folder, file)))
  t.match(await ready.setUp(), { code: 0, stderr: /^setup: nothing to do\n$/ })
})

t.test('what changed is done again, and only that', async (t) => {
  const checkout = await ready.copyTo(t.testdir())
  const steps = async () =>
    [...(await checkout.setUp()).stderr.matchAll(/npm ci \(.*\)|node-gyp|TypeScript|bundling/g)].map(String)

  await checkout.write('lib/one.ts', 'export const one: number = 11\n')
  t.same(await steps(), ['TypeScript', 'bundling'])
  await rm(path.join(checkout.folder, 'dist/lib/bundle/bootstrap.cjs'))
  t.same(await steps(), ['bundling'])
  await checkout.write('test/one.test.ts', 'export {}\n')
  t.same(await steps(), ['TypeScript'], 'what is bundled has not changed')
  t.ok(existsSync(path.join(checkout.folder, 'dist/lib/bundle/bootstrap.cjs')))
  await rm(path.join(checkout.folder, 'dist/lib/two.mjs'))
  t.same(await steps(), ['TypeScript'])
  t.ok(existsSync(path.join(checkout.folder, 'dist/lib/two.mjs')), 'a lost output comes back')
  await utimes(path.join(checkout.folder, 'dist/.tsbuildinfo'), 1, 1)
  t.same(await steps(), ['TypeScript'], 'somebody ran tsc by hand')

  await checkout.write('native/addon.h', '#pragma once\n')
  t.same(await steps(), ['node-gyp'])
  await rm(path.join(checkout.folder, built))
  t.same(await steps(), ['node-gyp'])

  const lock = { packages: { '': {}, 'node_modules/wanted': { version: '1.0.1' } } }
  await checkout.write('package-lock.json', JSON.stringify(lock))
  t.same(await steps(), ['npm ci (wanted 1.0.1 is missing)'])
  t.same(await steps(), [])
})

t.test('an optional package of another machine is not missing, and one of this machine is', async (t) => {
  const checkout = await ready.copyTo(t.testdir())
  const installed = path.join(checkout.folder, 'node_modules/.package-lock.json')
  const withOptional = async (cpu: string) => {
    const entry = { version: '1.0.0', optional: true, os: [process.platform], cpu: [cpu] }
    const packages = { ...JSON.parse(await readFile(installed, 'utf8')).packages, 'node_modules/binary': entry }
    await checkout.write('package-lock.json', JSON.stringify({ packages }))
    return checkout.setUp()
  }
  t.match(await withOptional('pdp11'), { stderr: /nothing to do/ })
  t.match(await withOptional(process.arch), { stderr: /npm ci \(binary 1\.0\.0 is missing\)/ })
})

t.test('a deleted source’s outputs go', async (t) => {
  const checkout = await ready.copyTo(t.testdir())
  await checkout.write('test/gone.test.ts', 'export {}\n')
  await checkout.setUp()
  const output = path.join(checkout.folder, 'dist/test/gone.test.js')
  t.ok(existsSync(output))
  await rm(path.join(checkout.folder, 'test/gone.test.ts'))
  t.match(await checkout.setUp(), { code: 0 })
  t.notOk(existsSync(output))
  t.ok(existsSync(path.join(checkout.folder, 'dist/lib/one.js')))
})

t.test('an error in a source fails the set-up with the compiler’s words, each time until it is mended', async (t) => {
  const checkout = await ready.copyTo(t.testdir())
  await checkout.write('lib/one.ts', "export const one: number = 'one'\n")
  const failed = { code: 1, stderr: /lib\/one\.ts\(1,14\): error TS2322.*\nsetup: the TypeScript did not compile/ }
  t.match(await checkout.setUp(), failed)
  t.match(await checkout.setUp(), failed)
  await checkout.write('lib/one.ts', 'export const one: number = 1\n')
  t.match(await checkout.setUp(), { code: 0 })
})

t.test(
  'an addon that does not build, or packages that do not install, fail without a stack of the set-up',
  async (t) => {
    const checkout = await ready.copyTo(t.testdir())
    await checkout.write('native/addon.cc', '#error not today\n')
    const { code, stderr } = await checkout.setUp()
    t.equal(code, 1)
    t.match(
      stderr,
      /#error not today[\s\S]*\nsetup: the native addon did not build; what node-gyp and the compiler said is above/,
    )
    t.notMatch(stderr, /scripts\/setup/)

    await rm(path.join(checkout.folder, 'node_modules/.package-lock.json'))
    await checkout.write('bin/npm', '#!/bin/sh\necho no network >&2\nexit 7\n')
    t.match(await checkout.setUp(), {
      code: 1,
      stderr: /no network\nsetup: npm could not install the packages .*: 7\)\n$/,
    })
  },
)

t.test('without a compiler the set-up names what to install', async (t) => {
  const checkout = await ready.copyTo(t.testdir())
  await rm(path.join(checkout.folder, 'build'), { recursive: true })
  const empty = path.join(checkout.folder, 'empty')
  await mkdir(empty)
  const { code, stderr } = await checkout.setUp({ PATH: empty })
  t.equal(code, 1)
  t.equal(
    stderr,
    `setup: the native addon needs a C++ compiler, make, python3; install what is missing:
  Debian, Ubuntu: apt-get install g++ make python3
  Fedora, RHEL: dnf install gcc-c++ make python3
  Alpine: apk add linux-headers g++ make python3
`,
  )
})

t.test('two set-ups at once: one does the work, the other waits for it and finds it done', async (t) => {
  const checkout = await Checkout.make(t.testdir())
  const both = await Promise.all([checkout.setUp(), checkout.setUp()])
  t.same(
    both.map(({ code }) => code),
    [0, 0],
  )
  const [worked, waited] = both.map(({ stderr }) => stderr).sort((a, b) => b.length - a.length)
  t.match(worked, /compiling TypeScript[\s\S]*setup: ready\n$/)
  t.match(waited, /^(setup: waiting for another set-up of this checkout\n)?setup: nothing to do\n$/)
  t.equal(await readFile(path.join(checkout.folder, 'npm.log'), 'utf8').then((log) => log.split('\n').length - 1), 1)
})
