import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { source } from '../programs.ts'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(source('docs')).map((name) => `docs/${name}`),
]
const scripts: object = JSON.parse(readFileSync(source('package.json'), 'utf8')).scripts

for (const page of pages.filter((name) => name.endsWith('.md'))) {
  const text = readFileSync(source(page), 'utf8')

  t.test(`the links in ${page} lead to files`, async (t) => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link]) => link)
    for (const link of links) t.ok(existsSync(path.join(source(page), '..', link)), link)
  })

  t.test(`the npm scripts named in ${page} exist`, async (t) => {
    for (const [, name] of text.matchAll(/npm run ([\w:-]+)/g)) t.ok(Object.hasOwn(scripts, name), name)
  })
}

t.test('CHANGELOG.md begins with the version that package.json has', async (t) => {
  const { version } = JSON.parse(readFileSync(source('package.json'), 'utf8'))
  const versions = [...readFileSync(source('CHANGELOG.md'), 'utf8').matchAll(/^## \[(.*?)\]/gm)].map(([, name]) => name)
  t.equal(versions[0], version)
  t.equal(new Set(versions).size, versions.length, 'each version is there once')
})
