import { any, integer, map, object, text } from './schema.ts'

// Fields that several kinds of documents have, and their values.

export const MAX_INT32 = 2 ** 31 - 1
export const port = integer(1, 65_535)
export const anyText = text('a text', /^/)
export const labels = map(text('a label', /^/))
const label = '[a-z0-9]([a-z0-9-]*[a-z0-9])?'
/** Istio's wildcards stand for the start of a name, also for a part of its first label. */
const pattern = `(\\*([a-z0-9.-]*[a-z0-9])?|${label}(\\.${label})*)`
export const name = text('a name of lower-case letters, digits, - and .', /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
export const hostName = text('a host name', new RegExp(`^${label}(\\.${label})*$`, 'i'))
export const hostPattern = text('a host name, * or *.suffix', new RegExp(`^${pattern}$`, 'i'))
export const gatewayHost = text('a host name, * or *.suffix', new RegExp(`^((\\*|\\.|${label})/)?${pattern}$`, 'i'))

/** The fields that the API server adds and kubectl prints. */
export const metadata = object(
  { name },
  {
    namespace: name,
    labels,
    annotations: map(anyText),
    creationTimestamp: any,
    deletionGracePeriodSeconds: any,
    deletionTimestamp: any,
    finalizers: any,
    generateName: any,
    generation: any,
    managedFields: any,
    ownerReferences: any,
    resourceVersion: any,
    selfLink: any,
    uid: any,
  },
)
export const status = any
