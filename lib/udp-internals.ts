import type dgram from 'node:dgram'
import { NodeDlbError } from './errors.ts'

/**
 * The internals of Node's own UDP sockets that main and workers need to share such sockets, as
 * node:cluster does. They are undocumented, so their presence is checked before use.
 */
export interface UdpHandle {
  readonly fd: number
  /** @returns 0 or a negative errno, as the methods below do */
  bind(address: string, port: number, flags: number): number
  /** Takes the descriptor over. */
  open(fd: number): number
  getsockname(out: object): number
  close(callback?: () => void): void
  addMembership(multicastAddress: string, interfaceAddress?: string): number
  addSourceSpecificMembership(source: string, group: string, interfaceAddress?: string): number
}

export interface UdpState {
  readonly handle: UdpHandle | null
  readonly reusePort?: boolean
}

/** @throws ERR_DLB_NODE_INTERNALS */
export function udpStateOf(socket: dgram.Socket): UdpState {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  const state = symbol && (socket as unknown as Record<symbol, UdpState>)[symbol]
  if (typeof state?.handle?.bind === 'function' && typeof state.handle.open === 'function') return state
  throw new NodeDlbError(
    'ERR_DLB_NODE_INTERNALS',
    `this Node (${process.version}) has no dgram handle.open, which node-dlb needs; ` +
      "use a Node version that node-dlb's README lists, or a newer node-dlb",
  )
}
