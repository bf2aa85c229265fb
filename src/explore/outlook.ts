/**
 * What a product of a roadmap would do of a workload: per chip, per system and per watt.
 *
 * Training: tokens/s = share of peak × rate / (6 × active parameters) [1], in FP8 where the chip has it, else
 * BF16. Inference: tokens/s of decode in large domains, in closed form from bytes,
 *
 *   n chips share the weights W, each keeps b sequences of c tokens: a step reads W/n + b·c·s and
 *   computes 2·b·A operations; tokens/s = b / max(bytes / (share × bandwidth), operations / rate)
 *
 * with 8-bit weights on every chip, so that none is favoured by its formats.
 *
 * [1] Kaplan et al.: Scaling Laws for Neural Language Models, 2020, https://arxiv.org/abs/2001.08361, section 2.1
 */
import type { Accelerator, Assumptions, Roadmap, RoadmapProduct, Source } from '../chip/index.ts';
import { exactly, product, quotient, scaleRange, type Range } from './range.ts';

/** A model in numbers, and how it is served. */
export interface ParityWorkload {
  readonly model: string;
  readonly totalParameters: number;
  readonly activeParameters: number;
  readonly stateBytesPerToken: number;
  readonly contextTokens: number;
  /** Sequences of each chip. */
  readonly batch: number;
}

/** Chips that share one copy of the weights, at most: as experts do. */
const MOST_SHARING = 256;

export type Format = 'bf16' | 'fp8' | 'fp4';
export type Rates = Readonly<Record<Format, Range | null>>;

export interface Outlook {
  readonly maker: string;
  readonly country: string;
  readonly product: RoadmapProduct;
  readonly source: Source;
  readonly rates: Rates;
  /** Tokens/s; null where a rate, a bandwidth, a system or a power is not published. */
  readonly training: Scales;
  readonly inference: Scales;
}

export interface Scales {
  readonly perChip: Range | null;
  readonly perSystem: Range | null;
  readonly perWatt: Range | null;
}

export type AssumptionName = (name: string) => Range;

/** The ranges by name. */
export function assumptionsByName({ rows }: Assumptions): AssumptionName {
  return (name) => {
    const found = rows.find((row) => row.name === name);
    if (found === undefined) throw new RangeError(`there is no assumption ${name}`);
    return found;
  };
}

export function outlookOf(
  { maker, country, sources }: Roadmap,
  item: RoadmapProduct,
  chip: Accelerator | undefined,
  workload: ParityWorkload,
  assume: AssumptionName,
): Outlook {
  const rates = ratesOf(item, chip, assume);
  const bandwidth = chip?.memory.bandwidthBytesPerSecond ?? item.memoryBandwidthBytesPerSecond;
  const trained = trainingPerChip(rates, country, workload, assume);
  const served =
    bandwidth === null ? null : inferencePerChip(rates, bandwidth, item, country, workload, assume);
  const watts = powerPerChip(item, chip, assume);
  return {
    maker,
    country,
    product: item,
    source: sources[item.source]!,
    rates,
    training: scalesOf(trained, item, watts),
    inference: scalesOf(served, item, watts),
  };
}

/** Rates of the catalogue's chip or of the roadmap, with the margin that their certainty asks for. */
function ratesOf(
  item: RoadmapProduct,
  chip: Accelerator | undefined,
  assume: AssumptionName,
): Rates {
  const margin = marginOf(item, chip, assume);
  const of = (stated: number | null | undefined): Range | null =>
    stated == null ? null : scaleRange(margin, stated);
  const own = item.peakOperationsPerSecond;
  const peaks = chip?.peakOperationsPerSecond;
  const [bf16, fp8, fp4] = [
    of(peaks?.bf16 ?? peaks?.fp16 ?? own?.bf16),
    of(peaks?.fp8 ?? own?.fp8),
    of(peaks?.mxfp4 ?? own?.fp4),
  ];
  return { bf16, fp8: fp8 ?? (fp4 && product(fp4, assume('fp8OfFp4'))), fp4 };
}

function marginOf(
  { status }: RoadmapProduct,
  chip: Accelerator | undefined,
  assume: AssumptionName,
): Range {
  if (status === 'preliminary') return assume('marginPreliminary');
  if (status === 'planned') return assume('marginPlanned');
  return chip?.confidence.peak === 'official' ? exactly(1) : assume('marginReported');
}

function trainingPerChip(
  { bf16, fp8 }: Rates,
  country: string,
  { activeParameters }: ParityWorkload,
  assume: AssumptionName,
): Range | null {
  const share = assume(country === 'CN' ? 'trainingShareFp8CN' : 'trainingShareFp8US');
  const rate = fp8 ? product(fp8, share) : bf16 && product(bf16, assume('trainingShareBf16'));
  return rate && scaleRange(rate, 1 / (6 * activeParameters));
}

function inferencePerChip(
  { bf16, fp8 }: Rates,
  bandwidth: number,
  { systemChips }: RoadmapProduct,
  country: string,
  workload: ParityWorkload,
  assume: AssumptionName,
): Range | null {
  const { totalParameters, activeParameters, batch, contextTokens, stateBytesPerToken } = workload;
  const sharing = Math.min(systemChips ?? MOST_SHARING, MOST_SHARING);
  const bytes = totalParameters / sharing + batch * contextTokens * stateBytesPerToken;
  const share = assume(country === 'CN' ? 'memoryShareCN' : 'memoryShareUS');
  const memory = scaleRange(share, (bandwidth * batch) / bytes);
  const rate = fp8 ?? bf16;
  return rate && least(memory, scaleRange(rate, 1 / (2 * activeParameters)));
}

function least(a: Range, b: Range): Range {
  return {
    low: Math.min(a.low, b.low),
    value: Math.min(a.value, b.value),
    high: Math.min(a.high, b.high),
  };
}

/** The power of its system by its chips; of the chip with what a system adds, where only that is published. */
function powerPerChip(
  { systemPower, systemChips }: RoadmapProduct,
  chip: Accelerator | undefined,
  assume: AssumptionName,
): Range | null {
  if (systemPower !== null && systemChips !== null) {
    const { low, watts, high } = systemPower;
    return scaleRange({ low, value: watts, high }, 1 / systemChips);
  }
  const watts = chip?.thermalDesignPowerWatts ?? null;
  return watts === null ? null : scaleRange(assume('systemPowerOfChips'), watts);
}

function scalesOf(
  perChip: Range | null,
  { systemChips }: RoadmapProduct,
  watts: Range | null,
): Scales {
  return {
    perChip,
    perSystem: perChip && systemChips !== null ? scaleRange(perChip, systemChips) : null,
    perWatt: perChip && watts ? quotient(perChip, watts) : null,
  };
}
