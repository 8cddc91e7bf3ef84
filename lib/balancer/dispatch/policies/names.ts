export const policyNames = ['unordered', 'least-connections', 'exact', 'round-robin', 'affinity', 'nop'] as const

export type PolicyName = (typeof policyNames)[number]

export function isPolicyName(value: unknown): value is PolicyName {
  return policyNames.includes(value as PolicyName)
}

/** Whether the workers accept for themselves: without a device, as far as this policy goes. */
export function isOwnAccepting(name: PolicyName): boolean {
  return name === 'nop'
}

/** Whether the policy sends to load-balanced queues, or to workers. */
export function isLoadBalanced(name: PolicyName): boolean {
  return name === 'unordered' || name === 'least-connections'
}
