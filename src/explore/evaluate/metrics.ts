/** Metrics: what a design does for a model and a workload, and what it takes. */

/**
 * Of a pair, rates per chip, mm², watt and dollar are means over the chips of prompts and of tokens at the ratio
 * that keeps both busy; what limits name is that of the chip with more of it.
 */
export interface Metrics {
  /** Tokens written a second, of one chip. */
  readonly tokensPerSecond: number;
  readonly tokensPerSecondPerWatt: number | null;
  readonly tokensPerSecondPerMm2: number;
  /** A second, of a dollar of the chip and its memory; null without prices. */
  readonly tokensPerSecondPerDollar: number | null;
  readonly ttftMs: number;
  readonly tpotMs: number;
  /** Of one chip: placed area of all its cores, before layout. */
  readonly areaMm2: number;
  /** Of one chip with its memory, at this workload; null where the energy of its memory is not known. */
  readonly powerWatts: number | null;
  /** As the export rules count it: TOPS × bits. */
  readonly tpp: number;
  /** TPP per mm²; null on planar processes, whose area does not count. */
  readonly performanceDensity: number | null;
  readonly memoryBandwidthGBs: number;
  readonly memoryCapacityGiB: number;
  readonly chipDollars: number | null;
}

export type MetricName = keyof Metrics;

/** What a step waits for most. */
export type LimitedBy = 'memory bandwidth' | 'MACs' | 'vector lanes' | 'links' | 'latency';

/** A design evaluated at L0; `misfit` says why there are no metrics. */
export type Evaluation =
  | { readonly metrics: Metrics; readonly limitedBy: LimitedBy; readonly batch: number }
  | { readonly misfit: string };
