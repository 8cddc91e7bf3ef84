import type { Case } from '../lib/rounds.ts'
import { scriptCase } from '../lib/script-case.ts'
import { hasEventSw } from './event-sw.ts'

/**
 * The cases measure a device's cost and rate, beside the least that such a thing can cost, and what
 * the binding to libdlb costs, beside the same calls in C. README.md describes them.
 */
const group = 'device'
const deviceCase = (name: string, script: string, ...args: string[]): Case =>
  scriptCase(group, { name, script: new URL(script, import.meta.url).pathname, args })
const throughput = (name: string, ...args: string[]): Case => deviceCase(name, 'throughput.js', ...args)
const alone = (type: string): Case => deviceCase(`${type}, one thread alone`, 'alone.js', type)
const wake = (name: string, pause = 2): Case =>
  deviceCase(`wake: ${name}${pause === 2 ? '' : `, each ${pause} ms`}`, 'wake.js', name, `${pause}`)

export const deviceCases: readonly Case[] = [
  deviceCase('ring, batch 32', 'ring.js'),
  throughput('directed, batch 32', 'directed', '--depth=128'),
  throughput('unordered, batch 32', 'unordered', '--depth=128'),
  throughput('atomic, batch 32', 'atomic', '--depth=128'),
  throughput('ordered, batch 32', 'ordered', '--depth=128'),
  alone('directed'),
  alone('unordered'),
  throughput('directed, one by one', 'directed', '--depth=128', '--batch=1', '--events=1000000'),
  throughput('unordered, 2 consumers', 'unordered', '--depth=128', '--consumers=2'),
  ...(hasEventSw() ? [deviceCase('DPDK event_sw, unordered, 2 consumers', 'event-sw.js', 'parallel')] : []),
  throughput('unordered, 4 consumers, depth 8', 'unordered', '--depth=8', '--consumers=4', '--events=4000000'),
  wake('waitAsync'),
  wake('eventfd'),
  wake('device'),
  wake('eventfd', 20),
  wake('device', 20),
]

/** The cases of the short form. */
export const shortDeviceCases: readonly string[] = ['ring, batch 32', 'unordered, batch 32', 'wake: device']
