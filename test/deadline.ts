/** For what takes long only on a machine that is very busy. */
const patience = 30_000

/** What happens, or an error that says what was waited for. */
export async function within<T>(what: string, happens: Promise<T>, milliseconds = patience): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), milliseconds)
  })
  try {
    return await Promise.race([happens, late])
  } finally {
    clearTimeout(timer)
  }
}
