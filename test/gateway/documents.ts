import path from 'node:path'
import type { Test } from 'tap'
import type { Plan } from '../../examples/ingress-gateway/istio/plan.ts'
import { ConfigurationError } from '../../examples/ingress-gateway/istio/problem.ts'
import { readDocuments } from '../../examples/ingress-gateway/istio/read.ts'
import { resolvePlan } from '../../examples/ingress-gateway/istio/resolve.ts'
import { source } from '../programs.ts'

/** Documents of the gateway's configuration, and what is understood of them. */

export const folder = source('examples/ingress-gateway/config')

export function planOf(paths: readonly string[]): Plan {
  return resolvePlan(readDocuments(paths))
}

/**
 * What a file with this text, beside the seed's others, has wrong: `line: document: path: message`.
 */
export function problemsOf(t: Test, text: string, others: readonly string[] = []): string[] {
  const file = path.join(t.testdir({ 'given.yaml': text }), 'given.yaml')
  try {
    planOf([file, ...others.map((name) => path.join(folder, name))])
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.problems.map(({ line, document, path, message }) => `${line}: ${document}: ${path}: ${message}`)
  }
  return []
}

export function edited(t: Test, text: string, others: readonly string[]): Plan {
  const file = path.join(t.testdir({ 'given.yaml': text }), 'given.yaml')
  return planOf([file, ...others.map((name) => path.join(folder, name))])
}

export const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ['*.example.com', example.org]
`
export const services = `
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 1}, {port: 2}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: far}
spec: {ports: [{port: 3}]}
`
export const virtualService = (spec: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v}
spec: ${spec}
`
export const together = (...documents: string[]): string => documents.join('---')
/** A route for all requests. */
export const all = '{route: [{destination: {host: a, port: {number: 2}}}]}'
