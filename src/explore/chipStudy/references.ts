/**
 * Real chips beside those of a study: the same models and workload by the performance model of
 * `celadon plan`, in the layout in which they fit. Watts are what the maker states as thermal design
 * power, areas those of the logic dies: neither is estimated as those of designs are.
 */
import { measuresOf, type Accelerator } from '../../chip/index.ts';
import type { ComparedChip } from '../compare.ts';
import type { MetricName } from '../evaluate/metrics.ts';

export interface Reference {
  readonly chip: string;
  readonly name: string;
  /** Of a replica; null where the model does not run or fit. */
  readonly chips: number | null;
  readonly metrics: Readonly<Record<MetricName, number | null>>;
  /** Why there are no rates. */
  readonly lacking: string | null;
}

/** One model on a chip, and its share of all tokens written. */
export interface ReferenceShare {
  readonly compared: ComparedChip;
  readonly weight: number;
}

/** Of the same chip: all models together, as an evaluation of a design takes them. */
export function referenceOf(shares: readonly ReferenceShare[]): Reference {
  const { chip } = shares[0]!.compared;
  const { id, name } = chip;
  const reasons = shares.flatMap(({ compared: { predicted } }) =>
    typeof predicted === 'string' ? predicted : [],
  );
  const served = reasons.length > 0 ? NOT_SERVED : servedBy(shares);
  const { tokensPerSecond } = served;
  const per = (amount: number | null): number | null =>
    tokensPerSecond === null || amount === null ? null : tokensPerSecond / amount;
  const stated = statedOf(chip);
  return {
    ...{ chip: id, name, chips: served.chips, lacking: reasons[0] ?? null },
    metrics: {
      tokensPerSecond,
      tokensPerSecondPerWatt: per(stated.powerWatts),
      tokensPerSecondPerMm2: per(stated.areaMm2),
      tokensPerSecondPerDollar: per(stated.chipDollars),
      ttftMs: served.ttftMs,
      tpotMs: served.tpotMs,
      ...stated,
    },
  };
}

const NOT_SERVED = { chips: null, tokensPerSecond: null, ttftMs: null, tpotMs: null };

function servedBy(shares: readonly ReferenceShare[]) {
  let [time, ttftMs, tpotMs, chips] = [0, 0, 0, 0];
  for (const { compared, weight } of shares) {
    if (typeof compared.predicted === 'string') continue;
    const { tokensPerSecondPerChip, ttftSeconds, tpotSeconds, layout } = compared.predicted;
    time += weight / tokensPerSecondPerChip;
    ttftMs = Math.max(ttftMs, 1e3 * ttftSeconds);
    tpotMs = Math.max(tpotMs, 1e3 * tpotSeconds);
    const { tensor, pipeline, data } = layout;
    chips = Math.max(chips, (tensor * pipeline * data) / (compared.chip.devices ?? 1));
  }
  return { chips, tokensPerSecond: 1 / time, ttftMs, tpotMs };
}

/** What does not depend on what it serves. */
function statedOf(chip: Accelerator) {
  const measures = measuresOf(chip);
  const { capacityBytes } = chip.memory;
  return {
    areaMm2: chip.dieAreaMm2,
    powerWatts: chip.thermalDesignPowerWatts,
    tpp: measures.totalProcessingPerformance ?? null,
    performanceDensity: measures.performanceDensity ?? null,
    memoryBandwidthGBs: measures.memoryBandwidthGigabytesPerSecond ?? null,
    memoryCapacityGiB: capacityBytes === null ? null : capacityBytes / 2 ** 30,
    chipDollars: chip.priceUsd?.value ?? null,
  };
}
