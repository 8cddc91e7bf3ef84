import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar } from 'yaml'
import { notDoneText, type Path } from './problem.ts'
import type { Fields, ObjectSchema, Schema } from './schema.ts'

type AnyObject = Omit<ObjectSchema<Fields, Fields>, 'type'>

export type Report = (line: number, path: Path, message: string) => void

/** Takes what the validator finds. */
export interface Reports {
  readonly problem: Report
  readonly note: Report
}

/**
 * Checks one YAML document against a schema and builds its value. It goes on after a problem, so
 * that all are reported at once. The value may be used only if there were no problems.
 */
export class Validator {
  readonly #document: Document
  readonly #lines: LineCounter
  readonly #reports: Reports
  /** For a document within a text: the number of lines before it. */
  readonly #firstLine: number

  constructor(document: Document, lines: LineCounter, reports: Reports, firstLine = 0) {
    this.#document = document
    this.#lines = lines
    this.#reports = reports
    this.#firstLine = firstLine
  }

  /** @param node a node of the document and where it is; default: the whole document */
  check(schema: Schema, node: unknown = this.#document.contents, path: Path = []): unknown {
    return this.#value(node, schema, path, node)
  }

  /** @param place the node to name in a problem if there is none: its key's, or its parent's */
  #value(raw: unknown, schema: Schema, path: Path, place: unknown): unknown {
    const node = isAlias(raw) ? raw.resolve(this.#document) : raw
    switch (schema.type) {
      case 'object':
        return this.#fields(node, schema, path, place)
      case 'one field':
        return this.#oneField(node, schema.fields, path, place)
      case 'map':
        return this.#map(node, schema.of, path, place)
      case 'list':
        return this.#list(node, schema.of, path, place)
      case 'yaml text':
        return this.#yamlText(node, schema.of, path, place)
      case 'any':
        return undefined
      case 'noted':
        if (isScalar(node) && node.value === schema.unless) return undefined
        return this.#reports.note(this.#lineOf(place), path, schema.why)
      case 'not done':
        return this.#tell(place, path, notDoneText('this field', schema.why))
      default:
        return this.#scalar(node, schema, path, place)
    }
  }

  #fields(node: unknown, { required, optional, rest }: AnyObject, path: Path, place: unknown): Record<string, unknown> {
    const known = { ...required, ...optional }
    const value: Record<string, unknown> = {}
    if (!isMap(node)) return this.#wrong(node, 'fields', path, place) ?? value
    for (const { key, value: child } of node.items) {
      const name = keyText(key)
      const schema = Object.hasOwn(known, name) ? known[name] : rest
      // To Kubernetes, a field without a value is not there.
      if (isNothing(child)) continue
      if (schema) value[name] = this.#value(child, schema, [...path, name], key)
      else this.#tell(key, [...path, name], `unknown field; known here: ${Object.keys(known).join(', ')}`)
    }
    // A field that is not supported may stand in the place of a missing one, as a redirect does in
    // that of a route.
    const isOther = Object.keys(value).some((name) => known[name]?.type === 'not done')
    for (const name of Object.keys(required)) {
      if (!isOther && isNothing(node.get(name, true))) this.#tell(place, path, `${name} is missing`)
    }
    return value
  }

  #oneField(node: unknown, fields: Fields, path: Path, place: unknown): Record<string, unknown> {
    const value = this.#fields(node, { required: {}, optional: fields, rest: undefined }, path, place)
    if (isMap(node) && Object.keys(value).length !== 1) {
      this.#tell(place, path, `exactly one of ${Object.keys(fields).join(', ')} is needed`)
    }
    return value
  }

  #map(node: unknown, of: Schema, path: Path, place: unknown): Record<string, unknown> {
    if (!isMap(node)) return this.#wrong(node, 'fields', path, place) ?? {}
    const entries = node.items.map(({ key, value }) => {
      const name = keyText(key)
      return [name, this.#value(value, of, [...path, name], key)] as const
    })
    return Object.fromEntries(entries)
  }

  #list(node: unknown, of: Schema, path: Path, place: unknown): unknown[] {
    if (!isSeq(node)) return this.#wrong(node, 'a list', path, place) ?? []
    if (node.items.length === 0) this.#tell(place, path, 'the list is empty')
    return node.items.map((item, i) => this.#value(item, of, [...path, i], item))
  }

  /** Problems name the file's lines: a block's text starts on the line after its `|`. */
  #yamlText(node: unknown, of: Schema, path: Path, place: unknown): unknown {
    if (!isScalar(node) || typeof node.value !== 'string') return this.#wrong(node, 'a text with YAML', path, place)
    const isBlock = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED
    const before = this.#lineOf(node) - (isBlock ? 0 : 1)
    const lines = new LineCounter()
    const document = parseDocument(node.value, { lineCounter: lines, prettyErrors: false })
    for (const { message, pos } of document.errors)
      this.#reports.problem(before + lines.linePos(pos[0]).line, path, message)
    if (document.errors.length > 0) return undefined
    const { problem, note } = this.#reports
    const inner: Reports = {
      problem: (line, within, message) => problem(line, [...path, ...within], message),
      note: (line, within, message) => note(line, [...path, ...within], message),
    }
    return new Validator(document, lines, inner, before).check(of)
  }

  #scalar(node: unknown, schema: Schema, path: Path, place: unknown): unknown {
    const value: unknown = isScalar(node) ? node.value : undefined
    switch (schema.type) {
      case 'text':
        if (typeof value === 'string' && schema.pattern.test(value)) return value
        return this.#wrong(node, schema.what, path, place)
      case 'quantity':
        if (['string', 'number'].includes(typeof value) && schema.pattern.test(String(value))) return String(value)
        return this.#wrong(node, schema.what, path, place)
      case 'integer':
        if (Number.isInteger(value) && (value as number) >= schema.min && (value as number) <= schema.max) return value
        return this.#wrong(node, `a whole number from ${schema.min} to ${schema.max}`, path, place)
      case 'only':
        if (schema.values.includes(value as string)) return value
        return this.#wrong(node, onlyText(schema.values, schema.why), path, place)
      default:
        throw new TypeError(`${schema.type} is not a scalar's schema`)
    }
  }

  #wrong(node: unknown, expected: string, path: Path, place: unknown): undefined {
    this.#tell(node ?? place, path, `expected ${expected}, not ${nodeText(node)}`)
  }

  #tell(place: unknown, path: Path, message: string): void {
    this.#reports.problem(this.#lineOf(place), path, message)
  }

  #lineOf(place: unknown): number {
    const start = (place as Node | null)?.range?.[0] ?? 0
    return this.#firstLine + this.#lines.linePos(start).line
  }
}

function isNothing(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null)
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key)
}

function onlyText(values: readonly unknown[], why: string): string {
  const choice = values.map((value) => JSON.stringify(value)).join(' or ')
  return why === '' ? choice : `${choice} (${why})`
}

function nodeText(node: unknown): string {
  if (isMap(node)) return 'fields'
  if (isSeq(node)) return 'a list'
  if (isScalar(node) && node.value !== null) return JSON.stringify(node.value)
  return 'nothing'
}
