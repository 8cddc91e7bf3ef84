const gap = '  '

/**
 * Formats rows of cells as lines. The first row has the heads. Columns of numbers are aligned to
 * the right.
 */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const numbers = rows[0].map((_, column) => rows.slice(1).every((row) => /^[\d–]*$/.test(row[column])))
  return rows.map((row) =>
    row
      .map((cell, column) => (numbers[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join(gap)
      .trimEnd(),
  )
}

/**
 * Splits text into lines of at most `width` columns. `first` goes before the first line, `further`
 * before the others. Words are not cut.
 */
export function wrap(text: string, width: number, first = '', further = first): string[] {
  const lines: string[] = []
  let line = first
  let isEmpty = true
  for (const word of text.trim().split(/\s+/)) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = further
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line]
}
