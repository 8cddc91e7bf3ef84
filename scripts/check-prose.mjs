// Checks those rules for prose that a program can check: `node scripts/check-prose.mjs [path …]`.
//
// - Comments and documents are at most 100 columns wide, code is at most 120.
// - No sentence of them begins like a fragment ("Of each group.", "As `send`, but …").
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const PROSE_COLUMNS = 100
const CODE_COLUMNS = 120
const sources = /\.(ts|mjs|cjs|js|mts|cts|c|cc|h|pml|sh|gyp|txt|yaml|yml)$|^\.ci\/run$/
// Generated files, and formats that have long lines.
const exempt = /(^|\/)(package-lock\.json|LICENSE)$|\.(crt|key|json)$/
const fragments = new RegExp(
  '(^|[.:;] )(' +
    'Of (?!course\\b)|As (?!long|soon|of|a |an |the |with\\b)|Who (?!.*\\?)|' +
    'So (many|often|long|that) |That (it|nobody|there) |It is only told)',
)

const paths = process.argv.slice(2)
const files = execFileSync('git', ['ls-files', '--', ...(paths.length > 0 ? paths : ['.'])], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !exempt.test(file))

let faults = 0
for (const file of files) {
  const isDocument = file.endsWith('.md')
  if (isDocument || sources.test(file)) check(file, isDocument)
}
console.log(`${faults} ${faults === 1 ? 'fault' : 'faults'} in ${files.length} files`)
if (faults > 0) process.exitCode = 1

function check(file, isDocument) {
  const lines = readFileSync(file, 'utf8').split('\n')
  const prose = isDocument ? proseOfDocument(lines) : commentsOf(file, lines)
  for (const [i, line] of lines.entries()) {
    const text = prose[i]
    const most = text === null ? CODE_COLUMNS : PROSE_COLUMNS
    const isFree = isDocument && text === null
    if (!isFree && line.length > most && canBreak(line)) report(file, i, `${line.length} columns, of at most ${most}`)
    const fragment = text === null ? null : fragments.exec(beginning(prose, i))
    if (fragment) report(file, i, `a fragment: '${fragment[0].trim()} …'`)
  }
}

/** The prose in each line; null for tables, code and other lines that are not wrapped. */
function proseOfDocument(lines) {
  let isFenced = false
  return lines.map((line) => {
    if (line.trimStart().startsWith('```')) {
      isFenced = !isFenced
      return null
    }
    return isFenced || /^\s*([|<]|!\[)/.test(line) ? null : line.replace(/^\s*([-*>]|\d+\.|#+)?\s*/, '')
  })
}

/** The comment that each line consists of; null for code. */
function commentsOf(file, lines) {
  const line = /\.(sh|gyp|txt|ya?ml)$|run$/.test(file) ? /^\s*#(?!!)\s?(.*)$/ : /^\s*\/\/\s?(.*)$/
  let isBlock = false
  return lines.map((text) => {
    const begins = !isBlock && /^\s*\/\*/.test(text)
    if (begins || isBlock) {
      isBlock = !text.includes('*/')
      return text.replace(/^\s*\/?\*+\/?\s?/, '').replace(/\s*\*\/\s*$/, '')
    }
    return line.exec(text)?.[1] ?? null
  })
}

/** The line's prose if a paragraph begins there, else the part after its first full stop. */
function beginning(prose, i) {
  const text = prose[i].replace(/^@\w+ (\S+ )?/, '')
  const isFirst = i === 0 || prose[i - 1] === null || prose[i - 1].trim() === '' || /[.:;]$/.test(prose[i - 1].trim())
  return isFirst ? text : text.replace(/^[^.]*/, '')
}

/** Whether a line can be broken: one long word, such as an address, cannot. */
function canBreak(line) {
  return !/^\s*(\/\/|\*|#|- )?\s*\S+$/.test(line)
}

function report(file, i, what) {
  faults++
  console.log(`${file}:${i + 1}: ${what}`)
}
