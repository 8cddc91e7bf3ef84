import { readFileSync, writeFileSync } from 'node:fs'
import type { Result } from '../lib/rounds.ts'

const FORMAT = 'node-dlb-bench/1'

/** The record of a run of the bench, as a file keeps it. */
export interface BenchRecord {
  readonly format: typeof FORMAT
  /** When the run began, in ISO 8601. */
  readonly at: string
  /** Machine, kernel, Node, device, versions. */
  readonly facts: readonly string[]
  readonly skipped: readonly string[]
  readonly results: readonly Result[]
}

export function makeRecord(parts: Omit<BenchRecord, 'format'>): BenchRecord {
  return { format: FORMAT, ...parts }
}

export function writeRecord(file: string, record: BenchRecord): void {
  writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`)
}

/** @throws Error if there is no such file, or it is not a record */
export function readRecord(file: string): BenchRecord {
  const record = JSON.parse(readFileSync(file, 'utf8')) as BenchRecord
  if (record.format !== FORMAT) throw new Error(`${file} is not a record of this bench (format ${FORMAT})`)
  return record
}
