/**
 * What the experts of one rank cost. Ranks hold E/ep experts each; tokens choose independently [1], and
 * all wait for the rank with most of them: a mean of n balls in each bin has a maximum over r bins of
 * about mean + √(2·variance·ln r) [2]. Choices are not uniform besides: `skew`.
 *
 * Rows that are sent are sorted by expert, the gate is a kernel of its own, and so is the weighted sum:
 * none of them hides behind products.
 *
 * [1] DeepSeek-V3, https://arxiv.org/abs/2412.19437, section 2.1.2 (balanced by design)
 * [2] Raab and Steger: Balls into Bins, 1998, https://doi.org/10.1007/3-540-49543-6_13
 */
import type { Node } from '../ir/index.ts';
import { ROW_BYTES, type Kernel } from './kernels.ts';
import { expertChoice } from './operations.ts';
import { isNarrow, type FormatRate } from './precision.ts';
import type { ChipModel } from './chipModel.ts';
import type { Need, Shard } from './shard.ts';
import { tiledSeconds } from './tiles.ts';

/** The largest of the loads of `ranks` bins with this mean. */
export function largestLoad(mean: number, ranks: number): number {
  return mean + Math.sqrt(2 * mean * (1 - 1 / ranks) * Math.log(ranks));
}

export function needOfExperts(
  { nodes }: Kernel,
  shard: Shard,
  { efficiency, cores }: ChipModel,
  rate: FormatRate,
): Need {
  const { expert, expertTensor, expertTokens, tensor } = shard;
  const node = nodes[0] as Node & { readonly op: 'experts' };
  const { topK, experts } = expertChoice(node);
  const [, width, depth] = node.inputs[2]!.type.shape as [number, number, number];
  const columns = width / expertTensor;
  const { load, touched } = busiestRank(shard, topK, experts);
  const each = { rows: load / touched, count: touched };
  const speed = rate.operationsPerSecond * efficiency.matrix.value;
  // gate and up (2 · columns, depth), then down (depth, columns).
  const arithmeticSeconds =
    tiledSeconds({ ...each, columns: 2 * columns, depth }, speed, efficiency, cores) +
    tiledSeconds({ ...each, columns: depth, depth: columns }, speed, efficiency, cores);
  const narrow = isNarrow(rate) ? rate.bytesPerWeight : ROW_BYTES;
  const bytes =
    touched * 3 * columns * depth * rate.bytesPerWeight +
    load * (depth * narrow + 2 * columns * ROW_BYTES + columns * narrow + depth * ROW_BYTES);
  const own = (expertTokens * tensor) / (expert * expertTensor);
  const quantized = isNarrow(rate) ? own * depth * (ROW_BYTES + narrow) : 0;
  const sorted = expert > 1 ? 2 * load * depth * narrow : 0;
  const gated = load * columns * (2 * ROW_BYTES + narrow);
  const summed = (load + own) * depth * ROW_BYTES;
  return { arithmeticSeconds, bytes, besideBytes: quantized + sorted + gated + summed };
}

/** Rows of the rank with most of them, and the experts that the rank with most of them needs. */
function busiestRank(
  { expert, expertTokens, skew }: Shard,
  topK: number,
  experts: number,
): { load: number; touched: number } {
  const held = Math.ceil(experts / expert);
  const mean = (expertTokens * topK) / expert;
  const uneven = expert === 1 ? 1 : skew;
  const load = Math.min(uneven * largestLoad(mean, expert), expertTokens * held);
  const chosen = 1 - (1 - topK / experts) ** expertTokens;
  return { load, touched: Math.min(held, load, largestTouched(held, chosen, expert)) };
}

/** Of the experts that each rank holds, how many the rank with most of them needs. */
function largestTouched(held: number, chosen: number, ranks: number): number {
  const variance = held * chosen * (1 - chosen);
  return held * chosen + Math.sqrt(2 * variance * Math.log(ranks));
}
