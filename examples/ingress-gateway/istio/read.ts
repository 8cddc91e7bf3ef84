import fs from 'node:fs'
import path from 'node:path'
import { isMap, isScalar, LineCounter, type Node, parseAllDocuments, type Document as YamlDocument } from 'yaml'
import { isKind, type Kind, kinds, type Values } from './kinds.ts'
import { ConfigurationError, type Path, type Problem, pathText } from './problem.ts'
import { Validator } from './validate.ts'

/** A valid document, and where it came from. */
export interface Source<K extends Kind> {
  readonly kind: K
  readonly value: Values[K]
  /** A problem at the field, for what only shows beside other documents. */
  problem(path: Path, message: string): Problem
}

export type AnySource = { [K in Kind]: Source<K> }[Kind]

/** Reads files, and the *.yaml and *.yml of folders. @throws ConfigurationError with all that is wrong in any of them. */
export function readDocuments(paths: readonly string[]): AnySource[] {
  const problems: Problem[] = []
  const sources = filesOf(paths, problems).flatMap((file) => readFile(file, problems))
  if (problems.length > 0) throw new ConfigurationError(problems)
  return sources
}

function filesOf(paths: readonly string[], problems: Problem[]): string[] {
  const files = paths.flatMap((given) => {
    const stat = fs.statSync(given, { throwIfNoEntry: false })
    if (!stat) problems.push(ofFile(given, 'there is no such file or folder'))
    if (!stat?.isDirectory()) return stat ? [given] : []
    const names = fs.readdirSync(given).filter((name) => /\.ya?ml$/.test(name))
    if (names.length === 0) problems.push(ofFile(given, 'the folder has no .yaml file'))
    return names.sort().map((name) => path.join(given, name))
  })
  return [...new Set(files)]
}

function readFile(file: string, problems: Problem[]): AnySource[] {
  let content: string
  try {
    content = fs.readFileSync(file, 'utf8')
  } catch (error) {
    problems.push(ofFile(file, (error as Error).message))
    return []
  }
  const lines = new LineCounter()
  const documents = [...parseAllDocuments(content, { lineCounter: lines, prettyErrors: false })]
  return documents.flatMap((document, i) => readDocument({ file, number: i + 1, document, lines }, problems) ?? [])
}

interface Place {
  readonly file: string
  readonly number: number
  readonly document: YamlDocument
  readonly lines: LineCounter
}

/** @returns null for a document without content, and for one with problems. */
function readDocument(place: Place, problems: Problem[]): AnySource | null {
  const { file, number, document, lines } = place
  const before = problems.length
  const report = (line: number, path: Path, message: string): void => {
    problems.push({ file, line, document: number, path: pathText(path), message })
  }
  for (const { message, pos } of document.errors) report(lines.linePos(pos[0]).line, [], message)
  if (problems.length > before || isEmpty(document)) return null

  const start = lines.linePos(document.contents?.range?.[0] ?? 0).line
  const kind = isMap(document.contents) ? document.get('kind') : undefined
  if (!isKind(kind)) {
    report(lineOfField(place, ['kind']) ?? start, ['kind'], unknownKind(kind))
    return null
  }
  const value = new Validator(document, lines, report).check(kinds[kind])
  if (problems.length > before) return null
  const problem = (path: Path, message: string): Problem => {
    return { file, line: lineOfField(place, path) ?? start, document: number, path: pathText(path), message }
  }
  // The schema of the kind has accepted the value, which is what its type is made from.
  return { kind, value, problem } as AnySource
}

/** As between two `---`. */
function isEmpty({ contents }: YamlDocument): boolean {
  return contents === null || (isScalar(contents) && contents.value === null)
}

function lineOfField({ document, lines }: Place, path: Path): number | null {
  const node = document.getIn(path, true) as Node | undefined
  return node?.range ? lines.linePos(node.range[0]).line : null
}

function unknownKind(kind: unknown): string {
  const known = `the gateway reads ${Object.keys(kinds).join(', ')}`
  return kind === undefined ? `no Kubernetes document: ${known}` : `unknown kind ${JSON.stringify(kind)}; ${known}`
}

function ofFile(file: string, message: string): Problem {
  return { file, line: 0, document: 0, path: '', message }
}
