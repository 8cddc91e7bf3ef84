import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'

/** The longest time in µs that is told apart; a longer one counts as this one. */
const LONGEST = 600_000_000

/**
 * An HDR histogram of latencies in µs. Each value is kept to 3 significant digits, whatever its
 * size.
 */
export class Latencies {
  readonly #histogram: Histogram

  constructor(encoded?: string) {
    this.#histogram = encoded === undefined ? create() : decodeFromCompressedBase64(encoded)
  }

  /** Merges encoded histograms into one. */
  static merge(encoded: readonly string[]): Latencies {
    const all = new Latencies()
    for (const one of encoded) all.#histogram.add(decodeFromCompressedBase64(one))
    return all
  }

  get count(): number {
    return this.#histogram.totalCount
  }

  get max(): number {
    return this.#histogram.maxValue
  }

  record(microseconds: number): void {
    this.#histogram.recordValue(Math.min(LONGEST, Math.max(1, Math.round(microseconds))))
  }

  /**
   * @param q 0–1
   * @returns the µs that the share q of all did not exceed; 0 if there are none
   */
  quantile(q: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(q * 100)
  }

  /**
   * Encodes the histogram in HdrHistogram's own format (V2, compressed, base64), which its tools
   * read.
   */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram)
  }
}

function create(): Histogram {
  return build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  })
}
