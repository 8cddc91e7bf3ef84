/** Something in a document that is wrong or not supported, and where. */
export interface Problem {
  readonly file: string
  /** The line, from 1; 0 means none in particular. */
  readonly line: number
  /** The document's number in its file, from 1; 0: the file itself. */
  readonly document: number
  /** The path of the field, such as spec.servers[0].port; empty for the document itself. */
  readonly path: string
  readonly message: string
}

/** All that is wrong with the configuration, in one message. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`${count} in the configuration:\n${problems.map((problem) => `  ${problemText(problem)}`).join('\n')}`)
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

export function problemText({ file, line, document, path, message }: Problem): string {
  const where = [line > 0 ? `${file}:${line}` : file, document > 0 ? `document ${document}` : '', path].filter(
    (part) => part !== '',
  )
  return `${where.join(', ')}: ${message}`
}

/** @param what the part of a document that is not supported */
export function notDoneText(what: string, why: string): string {
  return `Istio knows ${what}, and this gateway does not do it: ${why}`
}

export type Path = readonly (string | number)[]

/**
 * The path as it is usually written: spec.servers[0].port, podAnnotations["proxy.istio.io/config"].
 */
export function pathText(path: Path): string {
  return path
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`
      if (!/^[\w-]+$/.test(step)) return `["${step}"]`
      return i === 0 ? step : `.${step}`
    })
    .join('')
}
