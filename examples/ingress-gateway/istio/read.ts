import fs from 'node:fs'
import path from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type Document as YamlDocument } from 'yaml'
import { isKind, type Kind, kinds, type Values } from './kinds.ts'
import { whyNotDone, whyWithoutEffect } from './other-kinds.ts'
import { ConfigurationError, notDoneText, type Path, type Problem, pathText, problemText } from './problem.ts'
import { type Report, Validator } from './validate.ts'

/** A valid document, and where it came from. */
export interface Source<K extends Kind> {
  readonly kind: K
  readonly value: Values[K]
  /** What Istio knows and has no effect here, and where it is. */
  readonly notes: readonly string[]
  /** Makes a problem at the field, for faults that only show beside other documents. */
  problem(path: Path, message: string): Problem
}

export type AnySource = { [K in Kind]: Source<K> }[Kind]

/** The documents that were read, and notes on what has no effect on this gateway. */
export interface Reading {
  readonly sources: readonly AnySource[]
  readonly notes: readonly string[]
}

/** Collects what is found while reading. */
class Findings {
  readonly problems: Problem[] = []
  readonly notes: string[] = []
}

/**
 * Reads files, and the *.yaml, *.yml and *.json of folders: what is given to `kubectl apply`, or
 * what `kubectl get -o yaml` prints.
 * @throws ConfigurationError with all that is wrong in any of them
 */
export function readDocuments(paths: readonly string[]): Reading {
  const findings = new Findings()
  const files = filesOf(paths, findings.problems)
  const sources = files.flatMap((file) => readFile(file, findings))
  if (findings.problems.length > 0) throw new ConfigurationError(findings.problems)
  return { sources, notes: findings.notes }
}

function filesOf(paths: readonly string[], problems: Problem[]): string[] {
  const files = paths.flatMap((given) => {
    const stat = fs.statSync(given, { throwIfNoEntry: false })
    if (!stat) problems.push(ofFile(given, 'there is no such file or folder'))
    if (!stat?.isDirectory()) return stat ? [given] : []
    const names = fs.readdirSync(given).filter((name) => /\.(ya?ml|json)$/.test(name))
    if (names.length === 0) problems.push(ofFile(given, 'the folder has no .yaml file'))
    return names.sort().map((name) => path.join(given, name))
  })
  return [...new Set(files)]
}

function readFile(file: string, findings: Findings): AnySource[] {
  let content: string
  try {
    content = fs.readFileSync(file, 'utf8')
  } catch (error) {
    findings.problems.push(ofFile(file, (error as Error).message))
    return []
  }
  const lines = new LineCounter()
  const documents = [...parseAllDocuments(content, { lineCounter: lines, prettyErrors: false })]
  return documents.flatMap((document, i) => readDocument({ file, number: i + 1, document, lines }, findings))
}

interface Place {
  readonly file: string
  readonly number: number
  readonly document: YamlDocument
  readonly lines: LineCounter
}

/** @returns the objects in a document: none, one, or a list's items */
function readDocument(place: Place, findings: Findings): AnySource[] {
  const { document, lines } = place
  const problem = reporter(place, findings.problems)
  for (const { message, pos } of document.errors) problem(lines.linePos(pos[0]).line, [], message)
  if (document.errors.length > 0 || isEmpty(document)) return []
  const items = isMap(document.contents) ? document.get('items') : undefined
  if (!/List$/.test(String(kindOf(document.contents))) || !isSeq(items)) {
    return readObject(place, document.contents, [], findings)
  }
  return items.items.flatMap((item, i) => readObject(place, item, ['items', i], findings))
}

/** @param at where the object is in the document */
function readObject(place: Place, node: unknown, at: Path, findings: Findings): AnySource[] {
  const { document, lines } = place
  const before = findings.problems.length
  const problem = reporter(place, findings.problems)
  const start = lines.linePos((node as Node | null)?.range?.[0] ?? 0).line
  const kind = kindOf(node)
  const noEffect = whyWithoutEffect(kind)
  if (noEffect !== null) {
    findings.notes.push(`${kind} ${nameIn(node)} has no effect: ${noEffect}`)
    return []
  }
  const notDone = whyNotDone(kind, apiVersionOf(node))
  if (notDone !== null || !isKind(kind)) {
    const message = notDone === null ? unknownKind(kind) : notDoneText(`the kind ${kind}`, notDone)
    problem(lineOfField(place, [...at, 'kind']) ?? start, [...at, 'kind'], message)
    return []
  }
  const notes: Problem[] = []
  const value = new Validator(document, lines, { problem, note: reporter(place, notes) }).check(kinds[kind], node, at)
  if (findings.problems.length > before) return []
  const source = {
    kind,
    value,
    notes: notes.map((note) => `has no effect here: ${problemText(note)}`),
    problem: (path: Path, message: string): Problem =>
      problemOf(place, lineOfField(place, [...at, ...path]) ?? start, [...at, ...path], message),
  }
  // The schema of the kind has accepted the value, and the value's type is made from that schema.
  return [source as unknown as AnySource]
}

function reporter(place: Place, problems: Problem[]): Report {
  return (line, path, message) => problems.push(problemOf(place, line, path, message))
}

function problemOf({ file, number }: Place, line: number, path: Path, message: string): Problem {
  return { file, line, document: number, path: pathText(path), message }
}

function nameIn(node: unknown): string {
  return isMap(node) ? String(node.getIn(['metadata', 'name']) ?? '') : ''
}

function kindOf(node: unknown): unknown {
  return isMap(node) ? node.get('kind') : undefined
}

function apiVersionOf(node: unknown): unknown {
  return isMap(node) ? node.get('apiVersion') : undefined
}

/** Whether the document is empty, as between two `---`. */
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
