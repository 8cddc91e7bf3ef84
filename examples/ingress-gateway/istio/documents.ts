import type { Kind } from './kinds.ts'
import { DEFAULT_NAMESPACE } from './plan.ts'
import type { Path, Problem } from './problem.ts'
import type { AnySource, Reading, Source } from './read.ts'

/** All documents, and the problems that show when they are put together. */
export class Documents {
  readonly #sources: readonly AnySource[]
  readonly problems: Problem[] = []
  /** Documents without effect on this gateway, and why. */
  readonly notes: string[]

  constructor({ sources, notes }: Reading) {
    this.#sources = sources
    this.notes = [...notes, ...sources.flatMap((source) => source.notes)]
  }

  of<K extends Kind>(kind: K): Source<K>[] {
    return this.#sources.filter((source) => source.kind === kind) as Source<K>[]
  }

  problem(source: AnySource, path: Path, message: string): void {
    this.problems.push(source.problem(path, message))
  }

  noEffect(source: AnySource, why: string): void {
    this.notes.push(`${source.kind} ${nameOf(source)} has no effect: ${why}`)
  }

  findDuplicates(): void {
    const seen = new Set<string>()
    for (const source of this.#sources) {
      const id = `${source.kind} ${nameOf(source)}`
      if (seen.has(id)) this.problem(source, ['metadata', 'name'], `${id} is there twice`)
      seen.add(id)
    }
  }
}

/** @returns the name that documents write, with the namespace if it is not the default one */
export function nameOf({ value }: AnySource): string {
  const { name = value.kind, namespace = DEFAULT_NAMESPACE } = value.metadata ?? {}
  return shortName(`${namespace}/${name}`)
}

export function namespaceOf({ value }: AnySource): string {
  return value.metadata?.namespace ?? DEFAULT_NAMESPACE
}

/**
 * A Gateway as a VirtualService in this namespace names it: by its name, `namespace/name`,
 * `./name`, or as hosts are named, name.namespace.svc.cluster.local.
 */
export function gatewayName(written: string, namespace: string): string {
  const [first, second] = written.split('/')
  if (second !== undefined) return shortName(`${first === '.' ? namespace : first}/${second}`)
  const [name, within = namespace] = written.split('.')
  return shortName(`${within}/${name}`)
}

export function shortName(name: string): string {
  const prefix = `${DEFAULT_NAMESPACE}/`
  return name.startsWith(prefix) ? name.slice(prefix.length) : name
}
