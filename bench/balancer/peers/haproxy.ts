import { configPeer } from './config-peer.ts'

/**
 * HAProxy's workers are threads. The one that accepts gives a connection to the less loaded of two
 * others. Connections need one descriptor each here, and not the two of a proxy.
 */
export const haproxy = configPeer({
  name: 'HAProxy',
  command: 'haproxy',
  version: '-v',
  args: (_, config) => ['-db', '-q', '-f', config],
  config: ({ workers }, port) => `
global
  nbthread ${workers}
  maxconn 16384
  no strict-limits
defaults
  mode http
  timeout client 1h
  timeout http-keep-alive 1h
  timeout connect 1s
  timeout server 1h
frontend bench
  bind 127.0.0.1:${port} backlog 4096
  http-request return status 200 content-type text/plain lf-string "%[thread] NaN NaN" if { path /who }
  http-request return status 200 content-type text/plain string ok
`,
})
