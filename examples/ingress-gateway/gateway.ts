import os from 'node:os'
import type { ProxySettings } from './proxy/server.ts'

/** A gateway that runs, balanced by the device or, without one, by the kernel. */
export interface Gateway {
  readonly port: number
  /** For people: the device and why, who gets a connection, and what the workers are. */
  readonly device: string
  readonly policy: string
  readonly workers: string
  loads(): Load[]
  /** Stops accepting and lets connections finish for so long. Called again, it can bring the deadline forward. */
  close(timeout: number): Promise<CloseOutcome>
}

/** Of one worker. */
export interface Load {
  readonly open: number
  /** Since the start. */
  readonly total: number
}

export interface CloseOutcome {
  /** Connections that were open at the deadline. */
  readonly cut: number
}

export interface GatewayOptions {
  readonly workers: number
  readonly work: Work
  /** Each DLB line, if wanted. */
  readonly debug: ((line: string) => void) | null
  /** What happens to workers. */
  readonly say: (line: string) => void
}

/** What every worker is given: as JSON, in its first argument. */
export interface Work {
  readonly listen: { readonly host: string; readonly port: number }
  readonly proxy: ProxySettings
}

/** The gateway cannot start. The message names the fix. */
export class StartError extends Error {
  /** @param exitCode of a worker before it listened: the errno, if listening failed */
  constructor({ host, port }: Work['listen'], exitCode: number | null) {
    const [, fix] = Object.entries(fixes).find(([errno]) => Number(errno) === exitCode) ?? []
    super(fix ? `cannot listen on ${host}:${port}: ${fix}` : `a worker ended with code ${exitCode} before it listened`)
    this.name = 'StartError'
  }
}

const { errno } = os.constants

const fixes: Readonly<Record<number, string>> = {
  [errno.EADDRINUSE]: 'something listens there already (EADDRINUSE); end it, or choose another port with --port',
  [errno.EACCES]: 'this port needs privileges (EACCES); choose one from 1024 with --port',
  [errno.EADDRNOTAVAIL]: 'the host is no address of this machine; choose one with --host, such as 0.0.0.0 for all',
}
