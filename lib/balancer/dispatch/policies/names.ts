export const policyNames = ['unordered', 'least-connections', 'exact', 'round-robin', 'affinity', 'nop'] as const

export type PolicyName = (typeof policyNames)[number]

export function isPolicyName(value: unknown): value is PolicyName {
  return policyNames.includes(value as PolicyName)
}

/** Whether the workers accept for themselves under this policy, without a device. */
export function isOwnAccepting(name: PolicyName): boolean {
  return name === 'nop'
}

/** True if the policy sends to load-balanced queues, false if to workers directly. */
export function isLoadBalanced(name: PolicyName): boolean {
  return name === 'unordered' || name === 'least-connections'
}
