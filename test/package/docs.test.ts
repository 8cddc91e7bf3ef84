import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { BalancerOptions } from '../../lib/balancer/options/balancer-options.ts'
import { inDocs } from '../../lib/balancer/options/kinds.ts'
import type { Option } from '../../lib/balancer/options/option.ts'
import { optionNames, optionTable } from '../../lib/balancer/options/table.ts'
import { optionFlags } from '../../lib/cli/option-flags.ts'
import { source } from '../programs.ts'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'bench/README.md',
  'bench/NOTES.md',
  'examples/README.md',
  'examples/ingress-gateway/README.md',
  'native/sim/README.md',
  ...readdirSync(source('docs')).map((name) => `docs/${name}`),
]
const scripts: object = JSON.parse(textOf('package.json')).scripts

for (const page of pages.filter((name) => name.endsWith('.md'))) {
  const text = textOf(page)

  const links = [...text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)]
  const named = [...text.matchAll(/npm run ([\w:-]+)/g)]
  const files = [...text.matchAll(/(?<![\w/.-])(?:lib|native|test|scripts|docs)\/[\w/.-]*\w/g)]

  testIfAny(`the links in ${page} lead to files, and to headings where they name one`, links, (t) => {
    for (const [, link, heading] of links) {
      const file = link === '' ? source(page) : path.join(source(page), '..', link)
      t.ok(existsSync(file), link)
      if (heading && file.endsWith('.md')) t.ok(headingsOf(file).includes(heading), `${link}#${heading}`)
    }
  })

  testIfAny(`the npm scripts named in ${page} exist`, named, (t) => {
    for (const [, name] of named) t.ok(Object.hasOwn(scripts, name), name)
  })

  testIfAny(`the files and folders of this repository that ${page} names exist`, files, (t) => {
    for (const [file] of files) t.ok(existsSync(source(file)), file)
  })
}

t.test('each function that docs/architecture.md names is in the file that it names for it', async (t) => {
  const named = [...textOf('docs/architecture.md').matchAll(/`((?:lib|native)\/[\w/.-]+):\s+([^`]+)`/g)]
  t.ok(named.length > 60, `it names ${named.length}`)
  for (const [, file, name] of named) t.ok(existsSync(source(file)) && defines(textOf(file), name), `${file}: ${name}`)
})

t.test('docs/glossary.md has each word once, and no more than can be learned', async (t) => {
  const words = [...textOf('docs/glossary.md').matchAll(/^\| (?!word |---)([^|]+) \|/gm)].map(([, word]) => word)
  t.ok(words.length > 0 && words.length <= 40, `${words.length} words`)
  t.strictSame(words, [...new Set(words)])
})

t.test('CHANGELOG.md begins with the version that package.json has', async (t) => {
  const { version } = JSON.parse(textOf('package.json'))
  const versions = [...textOf('CHANGELOG.md').matchAll(/^## \[(.*?)\]/gm)].map(([, name]) => name)
  t.equal(versions[0], version)
  t.equal(new Set(versions).size, versions.length, 'each version is there once')
})

/** A page that names nothing of a kind has no test for it. */
function testIfAny(title: string, named: readonly unknown[], check: (t: Test) => void): void {
  if (named.length > 0) t.test(title, async (t) => check(t))
}

function textOf(file: string): string {
  return readFileSync(source(file), 'utf8')
}

/** The page's headings as links name them. */
function headingsOf(file: string): string[] {
  const lines = readFileSync(file, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...lines.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/**
 * Whether the text of a file declares `name`: a function, a class, or a class's member as
 * `Class.member` (`Class::Member` in C++).
 */
function defines(text: string, name: string): boolean {
  if (name.includes('::')) return text.includes(`${name}(`)
  const [owner, member] = name.includes('.') ? name.split('.') : [null, name]
  const declares = new RegExp(
    `^\\s*(?:(?:export|async|static|get|readonly|function|class|const) )*${member}\\b[ (<:=]`,
    'm',
  )
  return declares.test(text) && (owner === null || new RegExp(`\\bclass ${owner}\\b`).test(text))
}

t.test('docs/api.md has the options of startBalancer as their table has them', (t) => {
  const [, text] = readFileSync(source('docs/api.md'), 'utf8').split(/^## startBalancer.*$|^### Fallback$/m)
  const rows = [...text.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$/gm)]
  t.strictSame(
    rows.map(([, name, values, byDefault]) => [name, values, byDefault]),
    optionNames.map((name) => [name, optionTable[name].kind.values, defaultInDocs(optionTable[name])]),
  )
  for (const [, name, , , description] of rows) {
    const withoutLinks = description.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    t.ok(withoutLinks.startsWith(phrase(name)), `${name}: begins with its summary`)
  }
  t.end()
})

t.test('the comments of BalancerOptions begin with the summaries of the options', (t) => {
  const text = readFileSync(source('lib/balancer/options/balancer-options.ts'), 'utf8')
  const comments = [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+readonly (\w+)\??:/g)]
  t.strictSame(
    comments.map(([, , name]) => name),
    optionNames,
  )
  for (const [, comment, name] of comments) {
    const unwrapped = comment.replaceAll(/\s+(\*\s+)?/g, ' ').trim()
    t.ok(unwrapped.startsWith(phrase(name)), `${name}: begins with its summary`)
  }
  t.end()
})

t.test("docs/api.md has the command's flags for options", (t) => {
  const text = readFileSync(source('docs/api.md'), 'utf8')
  for (const { flags } of optionFlags.values()) t.ok(text.includes(`\`${flags}\``), flags)
  t.end()
})

function defaultInDocs({ default: value, defaultInDocs: text }: Option<unknown>): string {
  if (text !== undefined) return text
  if (typeof value === 'number') return inDocs(value)
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${value}\``
}

/** An option's summary, which further text may follow in the same sentence. */
function phrase(name: string): string {
  return optionTable[name as keyof BalancerOptions].summary.slice(0, -1)
}
