// `npm start`: it sets up, then runs the example gateway in this same process, so that signals and
// the exit code need no relay.
import { fileURLToPath } from 'node:url'
import { setUp } from './setup/run.mjs'

await setUp({ tests: false })
const gateway = new URL('../dist/examples/ingress-gateway/main.js', import.meta.url)
process.argv[1] = fileURLToPath(gateway)
await import(gateway.href)
