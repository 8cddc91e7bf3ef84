import fs from 'node:fs'

/**
 * The variable of the time zone. When it changes, Node forgets what its JavaScript engine has
 * computed for the old time zone, in the thread that changes it.
 */
const TIME_ZONE = 'TZ'

/**
 * Gives this worker a `process.env` of its own, as a worker of node:cluster has. Variables that it
 * deletes or sets are deleted or set for it alone, and its successor starts again from `initial`,
 * the balancer's environment at the start. This serves apps that read a secret and delete it, and
 * apps that set variables from a file unless they are set.
 *
 * A variable that a worker sets is also set in the process's environment, until the worker deletes
 * it, because C code reads that: the time zone, a native addon's settings. Where workers set
 * different values, C code finds the last one. A value that is set there already is not set again,
 * because setenv(3) is not safe beside getenv(3) in other threads.
 *
 * `process.env` has to be the process's (SHARE_ENV) when this is called.
 */
export function useOwnEnvironment(initial: Readonly<Record<string, string>>): void {
  const ofProcess = process.env
  const passedOn = new Set<string>()
  const own: Record<string, string> = { ...initial }
  const define = (name: string, value: string): boolean => {
    if (name === TIME_ZONE || ofProcess[name] !== value) ofProcess[name] = value
    passedOn.add(name)
    return Reflect.defineProperty(own, name, { value, writable: true, enumerable: true, configurable: true })
  }
  process.env = new Proxy(own, {
    // A symbol throws here, as in Node.
    set: (_, name, value) => define(`${name as string}`, `${value}`),
    defineProperty(_, name, descriptor) {
      // This runs Node's own checks.
      Object.defineProperty(ofProcess, name, descriptor)
      return define(`${name as string}`, `${descriptor.value}`)
    },
    deleteProperty(_, name) {
      if (passedOn.delete(name as string)) delete ofProcess[name as string]
      return Reflect.deleteProperty(own, name)
    },
  })
  // Node's own function sets the process's environment only.
  if (typeof process.loadEnvFile === 'function') process.loadEnvFile = loadEnvFile
}

/** Sets the variables that are not set. */
function loadEnvFile(file: string | URL | Buffer = '.env'): void {
  const { parseEnv } = process.getBuiltinModule('node:util')
  for (const [name, value] of Object.entries(parseEnv(fs.readFileSync(file, 'utf8')))) {
    if (!Object.hasOwn(process.env, name)) process.env[name] = value
  }
}
