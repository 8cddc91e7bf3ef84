import fs from 'node:fs'

/**
 * Changing it makes Node forget what its JavaScript engine has worked out for the old time zone, in
 * the thread that changes it.
 */
const TIME_ZONE = 'TZ'

/**
 * Gives this worker a `process.env` of its own, as a cluster's worker has: what it deletes or sets
 * is so for it alone, and a worker that takes its place starts from `initial` again, the balancer's
 * environment at the start. So apps work that read a secret and delete it, or that set what a file
 * says unless it is set.
 *
 * But what it sets is also set in the process's environment (until it deletes it), since that is
 * what C code reads: the time zone, a native addon's settings. Where workers set different values,
 * C code finds the last one. What is set there already is not set again, for setenv(3) is not safe
 * beside getenv(3) in other threads.
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
    // Symbols throw, as Node has it.
    set: (_, name, value) => define(`${name as string}`, `${value}`),
    defineProperty(_, name, descriptor) {
      // Node's own checks.
      Object.defineProperty(ofProcess, name, descriptor)
      return define(`${name as string}`, `${descriptor.value}`)
    },
    deleteProperty(_, name) {
      if (passedOn.delete(name as string)) delete ofProcess[name as string]
      return Reflect.deleteProperty(own, name)
    },
  })
  // Node's own sets the process's environment and nothing else.
  if (typeof process.loadEnvFile === 'function') process.loadEnvFile = loadEnvFile
}

/** Sets what is not set. */
function loadEnvFile(file: string | URL | Buffer = '.env'): void {
  const { parseEnv } = process.getBuiltinModule('node:util')
  for (const [name, value] of Object.entries(parseEnv(fs.readFileSync(file, 'utf8')))) {
    if (!Object.hasOwn(process.env, name)) process.env[name] = value
  }
}
