import { configPeer } from './config-peer.ts'

/** nginx's workers are processes that share a listening socket, each with an event loop. */
export const nginx = configPeer({
  name: 'nginx',
  command: 'nginx',
  version: '-v',
  args: (folder, config) => ['-p', folder, '-e', 'stderr', '-c', config],
  config: ({ workers }, port) => `
    daemon off;
    pid nginx.pid;
    error_log stderr warn;
    worker_processes ${workers};
    events { worker_connections 16384; }
    http {
      access_log off;
      client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi; scgi_temp_path scgi;
      keepalive_timeout 1h;
      keepalive_requests 1000000000;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location / { return 200 "ok"; }
        location = /who { return 200 "$pid NaN NaN"; }
      }
    }`,
})
