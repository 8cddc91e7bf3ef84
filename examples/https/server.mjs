import fs from 'node:fs'
import https from 'node:https'
import { threadId } from 'node:worker_threads'

// Each worker does the handshakes of its own connections: TLS is spread over the cores like
// everything else.
const { TLS_KEY = 'key.pem', TLS_CERT = 'cert.pem', PORT = 8443 } = process.env
const options = { key: fs.readFileSync(TLS_KEY), cert: fs.readFileSync(TLS_CERT) }
const server = https.createServer(options, (_request, response) => response.end(`hello from thread ${threadId}\n`))
server.listen(Number(PORT), () => console.log(`thread ${threadId} listens on port ${server.address().port}`))
