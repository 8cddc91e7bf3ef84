import { AsyncResource, executionAsyncId } from 'node:async_hooks'
import { findSymbol, internalsGone, type StreamHandle } from '../node-handles.ts'

/**
 * An AsyncResource to read Node's symbols from. It is made before the app's code runs, so that no
 * async hook hears of it.
 */
const model = new AsyncResource('DLBMODEL')
export const ASYNC_ID: symbol = symbolOf(model, 'async_id_symbol')
export const TRIGGER: symbol = symbolOf(model, 'trigger_async_id_symbol')
/** The symbol of a context frame. A Node without context frames (20) does not use it. */
export const FRAME: symbol = findSymbol(model, 'context_frame') ?? Symbol('none')
const { runInAsyncScope } = AsyncResource.prototype
/**
 * The name under which an AsyncLocalStorage without context frames keeps its value in a resource.
 */
const STORE = 'kResourceStore'

/**
 * A native handle's async context. Node's C++ enters it for each connection that the kernel gives
 * to a listening handle: hooks see the handle's id, and an AsyncLocalStorage has the value that it
 * had in the call of `listen()`. JavaScript enters it by `runInAsyncScope`, for which the handle
 * has to look like an AsyncResource: it has its id under ASYNC_ID, `trigger` under TRIGGER, and
 * `enterFrame()` under FRAME.
 *
 * A connection's own handle is made in this context as well, so that hooks see what triggered it.
 * The handle does not inherit the context's values, which is as in Node: its data is not read in
 * the context in which it was accepted.
 */
export class HandleScope {
  /** The id of the context in which the handle was made. */
  readonly trigger: number = executionAsyncId()
  readonly #handle: StreamHandle
  readonly #frame = currentFrame()
  #make: (() => StreamHandle | null) | null = null
  #made: StreamHandle | null = null

  /** Has to be called in the context in which the handle is made. */
  constructor(handle: StreamHandle) {
    this.#handle = handle
  }

  /** Makes a connection's handle and calls back with it, both in this context. */
  run(make: () => StreamHandle | null, callback: (client: StreamHandle) => void): void {
    this.#make = make
    runInAsyncScope.call(this.#handle as unknown as AsyncResource, this.#call, this, callback)
  }

  #call(callback: (client: StreamHandle) => void): void {
    this.#makeNow()
    const client = this.#made
    this.#made = null
    if (client) callback(client)
  }

  /**
   * Node asks for the frame after the handle's id has become the current one and before the frame
   * has. The connection's handle is made at that moment, so it does not get the frame.
   */
  enterFrame(): unknown {
    this.#makeNow()
    return this.#frame
  }

  #makeNow(): void {
    const make = this.#make
    if (make === null) return
    this.#make = null
    this.#made = make()
    if (this.#made) forgetStores(this.#made)
  }
}

/**
 * Deletes the values that a new resource has inherited from the current one, which happens on a
 * Node without context frames.
 */
function forgetStores(resource: object): void {
  for (const symbol of Object.getOwnPropertySymbols(resource)) {
    if (symbol.description === STORE) Reflect.deleteProperty(resource, symbol)
  }
}

const stop = new Error('the frame is known')
let frame: unknown

/**
 * Reads the current frame. Node gives an AsyncResource first the current frame and then its id, and
 * tells hooks of the id. This class ends construction in between.
 */
class FrameReader extends AsyncResource {
  set [ASYNC_ID](_: number) {
    frame = (this as unknown as Record<symbol, unknown>)[FRAME]
    throw stop
  }
}

function currentFrame(): unknown {
  try {
    new FrameReader('DLBFRAME')
  } catch (error) {
    if (error !== stop) throw error
  }
  const current = frame
  frame = undefined
  return current
}

/** @throws ERR_DLB_NODE_INTERNALS */
function symbolOf(resource: object, name: string): symbol {
  const symbol = findSymbol(resource, name)
  if (symbol) return symbol
  throw internalsGone(`AsyncResource[${name}]`)
}
