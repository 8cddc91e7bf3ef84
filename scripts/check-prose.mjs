// Holds the rules for prose that a program can hold: `node scripts/check-prose.mjs [path …]`; `.ci/run` calls it.
//
// - Comments and documents wrap at 100 columns, code at 120.
// - A sentence does not begin as the fragments do that CONTRIBUTING.md names.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const PROSE_COLUMNS = 100
const CODE_COLUMNS = 120
const sources = /\.(ts|mjs|cjs|js|mts|cts|c|cc|h|pml|sh|gyp|txt|yaml|yml)$|^\.ci\/run$/
// They are generated, or their format has long lines.
const exempt = /(^|\/)(package-lock\.json|LICENSE)$|\.(crt|key|json)$/
const fragments =
  /(^|[.:;] )(Of (?!course\b)|As (?!long|soon|if|of|a |an |the |with\b)|Who (?!.*\?)|So many |So often |So long |It is only told)/

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

/** By line: the prose in it, null for tables, code and what else is not wrapped. */
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

/** By line: the comment that the line consists of; null for code. */
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

/** The line's prose if a paragraph begins with it, else what follows its first full stop. */
function beginning(prose, i) {
  const text = prose[i].replace(/^@\w+ (\S+ )?/, '')
  const isFirst = i === 0 || prose[i - 1] === null || prose[i - 1].trim() === '' || /[.:;]$/.test(prose[i - 1].trim())
  return isFirst ? text : text.replace(/^[^.]*/, '')
}

/** A word that is too long for the line, such as an address, is not to be broken. */
function canBreak(line) {
  return !/^\s*(\/\/|\*|#|- )?\s*\S+$/.test(line)
}

function report(file, i, what) {
  faults++
  console.log(`${file}:${i + 1}: ${what}`)
}
